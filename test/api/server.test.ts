import { once } from 'node:events'
import { Agent, request, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { connectPlatform } from '../../src/api/connect.js'
import { createApiServer, type GitHandler } from '../../src/api/server.js'
import { DiskMeter } from '../../src/disk/meter.js'
import { createLog } from '../../src/log.js'
import { openRig, type Rig } from './rig.js'

describe("the control API's server", function () {
  this.timeout(10_000)
  let rig: Rig
  before(async () => {
    rig = await openRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  const ask = async (port: number, path: string, agent?: Agent): Promise<{ status: number; body: string }> => {
    const sent = request({ host: '127.0.0.1', port, path, ...(agent && { agent }) }).end()
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    return { status: response.statusCode ?? 0, body: await text(response) }
  }

  it('answers every request of one connection, refused ones too', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const port = Number(new URL(rig.url).port)
    const all = [
      await ask(port, '/api/apps', agent),
      await ask(port, '/api/health', agent),
      await ask(port, '/x', agent),
    ]
    expect(all.map(({ status }) => status)).to.deep.equal([401, 200, 404])
    agent.destroy()
  })

  describe('gives git what is its own', () => {
    /** Asks a server with that git, over the store of the rig. */
    const through = async (git: GitHandler, path: string) => {
      const syncing = { ask: (): never => expect.fail('nobody asks for a sync') }
      const meter = new DiskMeter(() => expect.fail('nobody asks for the disk'), undefined)
      const platform = connectPlatform(rig.config, rig.store, new AbortController().signal, { syncing, meter })
      const server = createApiServer(platform, git, createLog('test', { level: 'silent' })).listen(0, '127.0.0.1')
      await once(server, 'listening')
      try {
        return await ask((server.address() as AddressInfo).port, path)
      } finally {
        server.close().closeAllConnections()
      }
    }

    it('and what it leaves to the API', async () => {
      const git: GitHandler = ({ url = '' }, response) => url.endsWith('.git') && Boolean(response.end('git'))
      expect(await through(git, '/blog.git')).to.deep.equal({ status: 200, body: 'git' })
      expect((await through((...args) => Promise.resolve(git(...args)), '/api/health')).status).to.equal(200)
    })

    it('and says that Berth failed where it fails, and no more', async () => {
      const fail = () => Promise.reject(new Error('/var/lib/berth/git is gone'))
      expect(await through(fail, '/blog.git')).to.deep.equal({ status: 500, body: 'Berth failed at this request\n' })
    })

    it('and cuts off what had been begun', async () => {
      const fail: GitHandler = async (_request, response) => {
        response.write('half an answer')
        await new Promise((resolve) => setImmediate(resolve))
        throw new Error('no')
      }
      expect(await through(fail, '/blog.git').catch((error: unknown) => (error as Error).message)).to.equal('aborted')
    })
  })
})
