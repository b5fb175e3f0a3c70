import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { WebSocket } from 'ws'
import { openRig, type Rig } from './rig.js'

describe('an upgrade to the control API', function () {
  this.timeout(10_000)
  let rig: Rig
  before(async () => {
    rig = await openRig()
    await rig.pushed('there')
  })
  after(() => rig[Symbol.asyncDispose]())

  /** What is answered to an upgrade; a handshake by hand, for paths and headers that a client would not send. */
  const answer = async (path: string, { token = rig.token, ...headers }: Record<string, string> = {}) => {
    const sent = request({
      ...{ host: '127.0.0.1', port: Number(new URL(rig.url).port), path },
      headers: {
        ...{ connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' },
        ...{ 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', authorization: `Bearer ${token}`, ...headers },
      },
    }).end()
    const told = Promise.race([once(sent, 'response'), once(sent, 'upgrade')])
    const [response, socket] = (await told) as [IncomingMessage, Socket | undefined]
    socket?.destroy()
    return { status: response.statusCode, body: socket ? '' : await text(response) }
  }
  const fault = ({ status, body }: Awaited<ReturnType<typeof answer>>): unknown[] => [
    ...[status, (JSON.parse(body) as { fault: string }).fault],
  ]

  it('is one for `run`, of an app that is there', async () => {
    expect(await answer('/api/apps/there/run')).to.deep.equal({ status: 101, body: '' })
    expect(await answer('/api/apps/there/run?x=1')).to.deep.equal({ status: 101, body: '' })
    expect(await answer('/api/apps/%74here/run')).to.deep.equal({ status: 101, body: '' })
  })

  it('asks for the token first, whatever else is wrong', async () => {
    for (const path of ['/api/apps/there/run', '/api/apps/x/run', '/nothing', '/%'])
      expect(fault(await answer(path, { token: 'wrong' })), path).to.deep.equal([401, 'unauthenticated'])
    const socket = new WebSocket(`${rig.url.replace('http', 'ws')}/api/apps/x/run`, {
      headers: { authorization: 'Bearer wrong' },
      lookup: (_host, _options, found) => found(null, [{ address: '127.0.0.1', family: 4 }] as never),
    })
    socket.on('error', () => undefined)
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
    expect([response.statusCode, JSON.parse(await text(response))]).to.have.nested.property(
      '1.fault',
      'unauthenticated',
    )
  })

  it('to what is no WebSocket is 404, in words', async () => {
    const paths = [
      '/',
      '/api',
      '/api/apps',
      '/api/apps/there',
      '/api/apps//run',
      '/api/apps/there/run/',
      '/api/apps/a/b/run',
    ]
    for (const path of [...paths, '/api/apps/nowhere/run', '/api/apps/..%2Fthere/run', '/api/apps/%ff/run'])
      expect(fault(await answer(path)), path).to.deep.equal([404, 'missing'])
  })

  it('that is no proper handshake is refused, and the server goes on', async () => {
    expect((await answer('/api/apps/there/run', { 'sec-websocket-key': 'short' })).status).to.equal(400)
    expect((await answer('/api/apps/there/run', { 'sec-websocket-version': '99' })).status).to.be.oneOf([400, 426])
    expect((await answer('/api/apps/there/run')).status).to.equal(101)
  })
})
