import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { get as getSecurely } from 'node:https'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { app } from './parts.js'
import { secure } from './secure-rig.js'

describe('the ways in', () => {
  it('are told apart by the app: each has its scheme and its port', async () => {
    const listeners = [
      { scheme: 'http', port: 80 },
      { scheme: 'https', port: 443 },
    ] as const
    await using rig = await secure({ listeners })
    const { front } = rig
    await using blog = await app((req, res) =>
      res.end(`${String(req.headers['x-forwarded-proto'])} ${String(req.headers['x-forwarded-port'])}`),
    )
    front.route('blog', blog.target())
    const [plain, safe] = front.ports
    const options = { headers: { host: 'blog.test' }, agent: false, rejectUnauthorized: false }
    const asked = [get({ ...options, port: plain }), getSecurely({ ...options, port: safe })].map(async (outgoing) => {
      const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
      return text(answer)
    })
    expect(await Promise.all(asked)).to.deep.equal(['http 80', 'https 443'])
  })
})
