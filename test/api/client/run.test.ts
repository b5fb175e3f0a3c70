import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { WebSocketServer, type WebSocket } from 'ws'
import { run, type RunOptions } from '../../../src/api/client/run.js'

describe('the client of a one-off process', () => {
  let server: Server
  let serve: (socket: WebSocket) => void
  let resized: () => void
  beforeEach(async () => {
    serve = () => undefined
    server = createServer()
    const sockets = new WebSocketServer({ server })
    sockets.on('connection', (socket) => serve(socket))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  afterEach(() => {
    server.close().closeAllConnections()
  })

  const start = (more: Partial<RunOptions> = {}, port = (server.address() as AddressInfo).port) => {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
    const options: RunOptions = {
      ...{
        path: 'apps/a%20b/run',
        command: ['x'],
        tty: true,
        stdin,
        stdout,
        stderr,
        signal: new AbortController().signal,
      },
      size: () => ({ rows: 24, columns: 80 }),
      onResize: (listener) => (resized = listener),
      onStart: () => undefined,
      ...more,
    }
    const end = run({ url: `http://127.0.0.1:${port}`, token: 't' }, options)
      .catch((error: unknown) => (error as Error).message)
      .finally(() => {
        stdout.end()
        stderr.end()
      })
    return { end, stdin, stdout, stderr }
  }
  const say = (socket: WebSocket, message: unknown) => socket.send(JSON.stringify(message))

  it('says first what to run, then the size of its terminal as it changes, its input and the end of it', async () => {
    const heard: string[] = []
    let path: string | undefined
    server.on('upgrade', (request) => (path = request.url))
    serve = (socket) =>
      socket.on('message', (data, isBinary) => {
        const said = (data as Buffer).toString()
        heard.push(isBinary ? `input ${said}` : said)
        if (said.includes('start')) say(socket, { started: { process: 'run.7' } })
        if (said.includes('resize')) socket.send(Buffer.from('\u0001resized'))
        if (said.includes('eof')) say(socket, { exit: { code: 3 } })
      })
    const names: string[] = []
    const { end, stdin, stdout } = start({ onStart: (name) => names.push(name) })
    while (names.length === 0) await new Promise((resolve) => setImmediate(resolve))
    resized()
    await once(stdout, 'data')
    stdin.end('hello')
    expect(await end).to.equal(3)
    expect(path).to.equal('/api/apps/a%20b/run')
    expect(names).to.deep.equal(['run.7'])
    expect(heard).to.deep.equal([
      '{"start":{"command":["x"],"tty":true,"rows":24,"columns":80}}',
      ...['{"resize":{"rows":24,"columns":80}}', 'input hello', '{"eof":true}'],
    ])
  })

  it('keeps the streams apart, empty frames too', async () => {
    serve = (socket) => {
      for (const frame of ['\u0001out', '\u0002err', '\u0001', '\u0001put']) socket.send(Buffer.from(frame))
      say(socket, { exit: { code: 0 } })
    }
    const { end, stdout, stderr } = start()
    expect(await Promise.all([text(stdout), text(stderr), end])).to.deep.equal(['output', 'err', 0])
  })

  it('ends with what the server says is wrong', async () => {
    serve = (socket) => say(socket, { error: { fault: 'conflict', message: 'not pushed yet', hint: null } })
    expect(await start().end).to.equal('not pushed yet')
  })

  it('says that the process is lost with the connection', async () => {
    serve = (socket) => socket.terminate()
    expect(await start().end).to.equal('the connection to Berth was lost, and the process with it')
  })

  it('is not thrown by a server that talks of something else', async () => {
    for (const odd of [
      '{',
      'null',
      '7',
      '{}',
      '{"exit":null}',
      '{"exit":{"code":"0"}}',
      '{"error":{}}',
      '{"started":1}',
    ]) {
      serve = (socket) => socket.send(odd)
      expect(await start().end, odd).to.match(/^http:.* says what this `berth` does not understand$/)
    }
  })

  it('tells apart a server that refuses, one that is no Berth, and none', async () => {
    server.removeAllListeners('upgrade')
    const refusal = JSON.stringify({ fault: 'unauthenticated', message: 'this needs a token', hint: null })
    server.on('upgrade', (_request, socket) =>
      socket.end(`HTTP/1.1 401 X\r\ncontent-length: ${refusal.length}\r\nconnection: close\r\n\r\n${refusal}`),
    )
    expect(await start().end).to.equal('this needs a token')
    server
      .removeAllListeners('upgrade')
      .on('upgrade', (_request, socket) =>
        socket.end('HTTP/1.1 404 X\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno'),
      )
    expect(await start().end).to.match(/answered 404, and not as Berth does$/)
    const { port } = server.address() as AddressInfo
    server.close().closeAllConnections()
    expect(await start({}, port).end).to.match(/^Berth is not running at /)
  })
})
