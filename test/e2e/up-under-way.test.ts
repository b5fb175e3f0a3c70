import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import { readRunning } from '../../src/serve/instance.js'
import { run } from '../run.js'
import { running } from './apps.js'
import { createApp, home, startInstance, type Instance } from './instance.js'

/** Answers at once, or begins to at /slow; a socket sends back what it is sent, and `finish` ends slow answers. */
const app = (text: string): Record<string, string> =>
  running(`
const slow = []
const server = require('http').createServer((req, res) => {
  if (req.url !== '/slow') return res.end(${JSON.stringify(text)})
  res.write('slow ')
  slow.push(res)
})
server.on('upgrade', (req, socket) => {
  const key = req.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
  const accept = require('crypto').createHash('sha1').update(key).digest('base64')
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n')
  socket.write('Sec-WebSocket-Accept: ' + accept + '\\r\\n\\r\\n')
  socket.on('data', (data) => {
    socket.write(data)
    if (String(data) === 'finish') for (const res of slow.splice(0)) res.end(${JSON.stringify(text)})
  })
  socket.on('error', () => {})
})
server.listen(process.env.PORT)
`)

describe('what is under way when bin/up takes over', function () {
  this.timeout(400_000)
  let berth: Instance
  before(async () => {
    berth = await startInstance()
  })
  after(() => berth[Symbol.asyncDispose]())

  const up = async (changes: number): Promise<void> => {
    const { pid } = readRunning(berth.config.run) ?? {}
    const env = { ...berth.env, BERTH_CHANGES: String(changes) }
    const { code, stderr } = await run(`${home}/bin/berth`, ['up'], { env, timeoutMs: 240_000 })
    expect(code, stderr).to.equal(0)
    expect(readRunning(berth.config.run)?.pid).to.not.equal(pid)
  }

  /** A WebSocket of an app, and what it answers. */
  const tunnel = async (name: string) => {
    const socket: Socket = connect(berth.config.httpPort, '127.0.0.1')
    socket.setEncoding('latin1')
    const key = Buffer.alloc(16, 'k').toString('base64')
    socket.write(
      `GET / HTTP/1.1\r\nHost: ${berth.config.appHost(name)}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    )
    let said = ''
    socket.on('data', (text: string) => (said += text))
    const heard = async (words: string): Promise<void> => {
      while (!said.includes(words)) {
        if (socket.destroyed || socket.readableEnded) throw new Error(`the WebSocket ended without "${words}"`)
        await Promise.race([once(socket, 'data'), once(socket, 'close')])
      }
    }
    await heard('\r\n\r\n')
    expect(said).to.match(/^HTTP\/1.1 101 /)
    return {
      socket,
      echo: async (words: string): Promise<void> => {
        socket.write(words)
        await heard(words)
      },
    }
  }

  it('a push, a slow request and a WebSocket go on over two hand-overs', async () => {
    const repo = await berth.repository(app('one'))
    const name = await createApp(berth, repo, 'way')
    const first = await repo.push()
    expect(first.code, first.stderr).to.equal(0)
    const ws = await tunnel(name)
    await ws.echo('before')
    const slow = get({
      host: '127.0.0.1',
      port: berth.config.httpPort,
      path: '/slow',
      headers: { host: berth.config.appHost(name) },
    })
    const [answer] = (await once(slow, 'response')) as [IncomingMessage]

    const { 'package.json': manifest = '', ...files } = app('two')
    const json = JSON.parse(manifest) as { scripts: Record<string, string> }
    json.scripts.build = 'sleep 20'
    await repo.commit({ ...files, 'package.json': JSON.stringify(json) })
    const push = repo.push()
    const status = async () =>
      (JSON.parse((await berth.berth(['builds', '-a', name, '--json'])).stdout) as { status: string }[])[0]?.status
    while ((await status()) !== 'building') await delay(200)
    await up(5)
    await ws.echo('after the first')
    await up(6)
    await ws.echo('after the second')

    const { code, stderr } = await push
    expect(code, stderr).to.equal(0)
    expect(stderr).to.include('deployed to Berth')
    expect((await berth.curl(name)).body).to.equal('two')
    // of the process that was replaced meanwhile
    await ws.echo('finish')
    expect(await text(answer)).to.equal('slow one')
    ws.socket.destroy()
  })
})
