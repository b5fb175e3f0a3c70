import { once } from 'node:events'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { closeServer, listenOn } from '../../src/api/listen.js'

describe('a server on a unix socket', () => {
  let dir: string
  let socketPath: string
  let server: Server
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-listen-'))
    socketPath = join(dir, 'deep', 'er', 'api.sock')
    server = createServer((_request, response) => response.end('well'))
  })
  afterEach(async () => {
    server.close().closeAllConnections()
    await rm(dir, { recursive: true })
  })
  const ask = async (path = '/'): Promise<{ response: IncomingMessage; body: string }> => {
    const sent = request({ socketPath, path }).end()
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    return { response, body: await text(response) }
  }

  it('is there for its owner and group, whatever a killed one has left', async () => {
    await listenOn(server, socketPath)
    server.close()
    await once(server, 'close')
    await writeFile(socketPath, 'no socket')
    await listenOn(server, socketPath)
    expect((await stat(socketPath)).mode & 0o777).to.equal(0o660)
    expect((await ask()).body).to.equal('well')
  })

  it('that closes answers what it has begun, and accepts no more', async () => {
    server = createServer()
    await listenOn(server, socketPath)
    const first = ask()
    const [, response] = (await once(server, 'request')) as [IncomingMessage, ServerResponse]
    const idle = connect(socketPath)
    await once(idle, 'connect')
    const closed = closeServer(server, 60_000)
    const refused = await ask().catch((error: unknown) => (error as NodeJS.ErrnoException).code)
    expect(refused).to.be.oneOf(['ECONNREFUSED', 'ENOENT'])
    response.end('late')
    expect((await first).body).to.equal('late')
    idle.destroy()
    await closed
  })

  it('that closes answers what still comes on a connection that is busy, and closes it then', async () => {
    server = createServer()
    await listenOn(server, socketPath)
    const client = connect(socketPath)
    client.write('GET /1 HTTP/1.1\r\nhost: x\r\n\r\n')
    const [, first] = (await once(server, 'request')) as [IncomingMessage, ServerResponse]
    const closed = closeServer(server, 60_000)
    client.write('GET /2 HTTP/1.1\r\nhost: x\r\n\r\n')
    const [, second] = (await once(server, 'request')) as [IncomingMessage, ServerResponse]
    first.end('one')
    second.end('two')
    const [one = '', two = ''] = (await text(client)).split(/(?=HTTP\/1.1 200)/)
    expect([/connection: close/i.test(one), /connection: close/i.test(two)]).to.deep.equal([false, true])
    await closed
  })

  it('that is not answered in time is cut off', async () => {
    server = createServer()
    await listenOn(server, socketPath)
    const hung = ask().catch((error: unknown) => (error as NodeJS.ErrnoException).code)
    await once(server, 'request')
    await closeServer(server, 20)
    expect(await hung).to.equal('ECONNRESET')
  })
})
