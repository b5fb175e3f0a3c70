import { expect } from 'chai'
import { once } from 'node:events'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { request as httpRequest, type Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { passInput } from '../../../src/engine/api/input.js'
import type { ApiRoute } from '../../../src/engine/api/route.js'
import { serveApi } from '../../../src/engine/api/server.js'
import { EngineError } from '../../../src/engine/errors.js'
import { run } from '../../run.js'

const routes: ApiRoute[] = [
  { method: 'GET', path: '/images/json', handle: (_, reply) => reply.json(200, ['list']) },
  { method: 'GET', path: '/images/{name}/json', handle: (request, reply) => reply.json(200, request.params) },
  { method: 'POST', path: '/echo', handle: async (request, reply) => reply.json(200, await request.json('anything')) },
  {
    method: 'POST',
    path: '/echo/bodiless',
    bodiless: true,
    handle: async (request, reply) => reply.json(200, await request.json('anything')),
  },
  {
    method: 'POST',
    path: '/fail/{fault}',
    handle: (request) => {
      throw new EngineError(request.params.fault as 'missing', 'it is so')
    },
  },
  {
    method: 'POST',
    path: '/exec/{id}/start',
    hijacks: true,
    handle: async (request, reply) => {
      const body = JSON.stringify(await request.json('anything'))
      if (request.params.id === 'absent') throw new EngineError('missing', 'it is so')
      const stream = await reply.hijack('application/vnd.docker.raw-stream')
      await begun()
      let stdin = ''
      await new Promise<void>((end) => {
        passInput(stream, {
          write: (chunk) => Promise.resolve(void (stdin += chunk.toString())),
          end,
          detach: () => undefined,
        })
      })
      stream.end(`body=${body} stdin=${stdin}`)
    },
  },
  {
    method: 'GET',
    path: '/slow',
    handle: (request, reply) => {
      const stream = reply.stream()
      request.signal.addEventListener('abort', () => left())
      void stream.write({ first: true })
    },
  },
]
let left: () => void
/** As long as the program takes to start. */
let begun: () => Promise<unknown> = () => Promise.resolve()

describe('the engine API server', () => {
  let dir: string, server: Server, socketPath: string
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-api-'))
    socketPath = join(dir, 'engine.sock')
    server = await serveApi(socketPath, routes)
  })
  after(async () => {
    server.closeAllConnections()
    server.close()
    await rm(dir, { recursive: true })
  })

  const ask = (method: string, path: string, body?: string) =>
    new Promise<{ status: number; headers: Record<string, unknown>; body: string }>((resolve, reject) => {
      const request = httpRequest({ socketPath, method, path, agent: false }, (response) => {
        text(response).then(
          (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
          reject,
        )
      })
      request.on('error', reject).end(body)
    })
  const raw = async (...parts: string[]) => {
    const socket = connect({ path: socketPath, allowHalfOpen: true })
    await once(socket, 'connect')
    for (const part of parts) {
      socket.write(part)
      await new Promise((resolve) => setImmediate(resolve))
    }
    return socket
  }

  it('lets a client that is still sending hear the answer', async () => {
    // another process, which sends at the moment at which it is answered
    const client = `
      const socket = require('node:net').connect({ path: process.argv[1], allowHalfOpen: true })
      const length = 5_000_000
      socket.write('POST /fail/missing HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\nContent-Length: ' + length + '\\r\\n\\r\\n')
      socket.write(Buffer.alloc(length))
      socket.on('end', () => socket.destroy()).pipe(process.stdout)`
    const ask = () => run(process.execPath, ['-e', client, socketPath])
    for (let n = 0; n < 2; n++)
      for (const { code, stdout } of await Promise.all(Array.from({ length: 4 }, ask))) {
        expect(stdout).to.match(/^HTTP\/1.1 404 /)
        expect(code).to.equal(0)
      }
  })

  it('lets no program begin before its client has read the head of the answer', async () => {
    let going = false
    const begins = new Promise<void>((resolve) => {
      begun = () => Promise.resolve((going = true)).finally(resolve)
    })
    // paused before it connects, it reads nothing
    const socket = connect({ path: socketPath, allowHalfOpen: true }).pause()
    await once(socket, 'connect')
    socket.end('POST /exec/a/start HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}')
    await delay(50)
    expect(going).to.equal(false)
    const said = text(socket)
    await begins
    expect(await said).to.match(/body={} stdin=$/)
    begun = () => Promise.resolve()
  })

  it('listens on a socket of mode 0660 and lets no second engine have it', async () => {
    expect((await stat(socketPath)).mode & 0o777).to.equal(0o660)
    const second = await serveApi(socketPath, []).catch((error: unknown) => error)
    expect(second).to.be.instanceOf(EngineError).with.property('fault', 'conflict')
  })

  it('says its version in every reply', async () => {
    for (const path of ['/v1.47/images/json', '/images/json', '/nowhere']) {
      const { headers } = await ask('GET', path)
      expect(headers).to.include({ 'api-version': '1.47', ostype: 'linux', 'docker-experimental': 'false' })
    }
  })

  it('refuses versions it does not speak', async () => {
    expect(JSON.parse((await ask('GET', '/v1.99/images/json')).body)).to.deep.equal({
      message: 'client version 1.99 is too new. Maximum supported API version is 1.47',
    })
    expect((await ask('GET', '/v1.12/images/json')).status).to.equal(400)
  })

  it('takes slashes and colons into an image name, percent-encoded or not', async () => {
    expect((await ask('GET', '/v1.47/images/host:5000/a/b:1/json')).body).to.equal('{"name":"host:5000/a/b:1"}\n')
    expect((await ask('GET', '/images/a%2Fb/json')).body).to.equal('{"name":"a/b"}\n')
    expect((await ask('GET', '/images/json')).body).to.equal('["list"]\n')
    expect((await ask('GET', '/images/%E0%A4%A/json')).status).to.equal(400)
  })

  it('answers faults with a message and their status', async () => {
    const faults = { missing: 404, conflict: 409, invalid: 400, unsupported: 501 }
    for (const [fault, status] of Object.entries(faults))
      expect(await ask('POST', `/fail/${fault}`)).to.include({ status, body: '{"message":"it is so"}\n' })
    expect(await ask('POST', '/fail/unmodified')).to.include({ status: 304, body: '' })
  })

  it('answers 501 to what is not served, saying why, and 404 to what is not Docker’s', async () => {
    for (const [method, path] of [
      ['POST', '/v1.47/swarm/init'],
      ['POST', '/plugins/pull'],
    ] as const) {
      const { status, body } = await ask(method, path)
      expect(status).to.equal(501)
      expect(body).to.match(/ (is|are) not supported/)
    }
    expect((await ask('GET', '/v1.47/nothing')).status).to.equal(404)
  })

  it('refuses bodies that are not JSON or too large', async () => {
    expect((await ask('POST', '/echo', '{"a":')).status).to.equal(400)
    expect((await ask('POST', '/echo', `"${'x'.repeat(5_000_000)}"`).catch(() => ({ status: 400 }))).status).to.equal(
      400,
    )
    expect(await ask('POST', '/echo')).to.deep.include({
      status: 400,
      body: '{"message":"invalid JSON: got EOF while reading request body"}\n',
    })
    expect((await ask('POST', '/echo/bodiless')).body).to.equal('{}\n')
  })

  const start = (length: number) =>
    `POST /v1.47/exec/e/start HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: ${length}\r\n\r\n`

  it('keeps the body of an upgrade out of the stream, glued to the head or not', async () => {
    for (const parts of [
      [`${start(13)}{"Tty":false}typed`],
      [start(13), '{"Tty":', 'false}typ', 'ed'],
      [`${start(13)}{"Tty":false}`, 'typed'],
    ]) {
      const socket = await raw(...parts)
      socket.end()
      const [head, body] = (await text(socket)).split('\r\n\r\n')
      expect(head).to.match(/^HTTP\/1.1 101 UPGRADED\r\n/)
      expect(head).to.contain('Content-Type: application/vnd.docker.raw-stream')
      expect(body).to.equal('body={"Tty":false} stdin=typed')
    }
  })

  describe('hijacked', () => {
    const json = '{"Tty":false}'
    const head = (...headers: string[]) =>
      ['POST /v1.41/exec/e/start HTTP/1.1', 'Host: x', 'Content-Length: 13', ...headers, '', ''].join('\r\n')
    const upgrades = { 'with an upgrade': ['Connection: Upgrade', 'Upgrade: tcp'], 'without one': [] }
    const tick = () => new Promise((resolve) => setImmediate(resolve))

    for (const [name, headers] of Object.entries(upgrades)) {
      const answer = name === 'without one' ? /^HTTP\/1.1 200 OK\r\n/ : /^HTTP\/1.1 101 UPGRADED\r\n/
      const check = async (socket: Socket, stdin: string) => {
        const answered = await text(socket)
        const cut = answered.indexOf('\r\n\r\n')
        const [head, body] = [answered.slice(0, cut), answered.slice(cut + 4)]
        expect(head).to.match(answer)
        expect(head).not.to.match(/transfer-encoding/i)
        expect(body).to.equal(`body={"Tty":false} stdin=${stdin}`)
      }

      for (const typed of ['', 'typed', 'GET /images/json HTTP/1.1\r\nHost: x\r\n\r\n', 'x'.repeat(300_000)]) {
        const what = `${String(typed.length)} bytes of input`
        it(`keeps ${what} and their end ${name}, whenever they come`, async () => {
          let start = (): void => undefined
          const moments: Record<string, (socket: Socket) => Promise<void>> = {
            'in one piece with the request': async (socket) => {
              socket.end(`${head(...headers)}${json}${typed}`)
              await tick()
            },
            'in one piece with the body': async (socket) => {
              socket.write(head(...headers))
              await tick()
              socket.end(`${json}${typed}`)
              await tick()
            },
            'byte by byte': async (socket) => {
              for (const byte of `${head(...headers)}${json}${typed.slice(0, 60)}`) {
                socket.write(byte)
                await tick()
              }
              socket.end(typed.slice(60))
            },
            'behind the answer': async (socket) => {
              socket.write(`${head(...headers)}${json}`)
              await once(socket, 'readable')
              socket.end(typed)
              await tick()
            },
            'once the program runs': async (socket) => {
              socket.write(`${head(...headers)}${json}`)
              await once(socket, 'readable')
              start()
              await tick()
              socket.end(typed)
            },
          }
          for (const send of Object.values(moments)) {
            const started = new Promise<void>((resolve) => (start = resolve))
            begun = () => started
            const socket = await raw()
            const all = check(socket, typed)
            await send(socket)
            setTimeout(() => start(), 5)
            await all
          }
          begun = () => Promise.resolve()
        })
      }

      it(`keeps the input of one that follows another request in its connection ${name}`, async () => {
        const socket = await raw('GET /images/json HTTP/1.1\r\nHost: x\r\n\r\n')
        expect(String((await once(socket, 'data'))[0])).to.contain('["list"]')
        socket.write(`${head(...headers)}${json}`)
        const [first] = (await once(socket, 'data')) as [Buffer]
        expect(String(first)).to.match(answer)
        socket.end('typed')
        expect(await text(socket)).to.equal('body={"Tty":false} stdin=typed')
      })

      it(`answers what cannot be hijacked as plain HTTP ${name}`, async () => {
        const socket = await raw(`${head(...headers).replace('/e/', '/absent/')}${json}`)
        expect(await text(socket)).to.match(/^HTTP\/1.1 404 [^]*\r\nApi-Version: [^]*it is so/)
      })
    }

    it('takes nothing for an upgrade that a client cannot know', async () => {
      const socket = await raw(`${head('Connection: Upgrade', 'Upgrade: h2c')}${json}`)
      socket.end()
      expect(await text(socket)).to.match(/^HTTP\/1.1 101 UPGRADED\r\n[^]*Upgrade: h2c\r\n/)
    })
  })

  it('answers an upgrade it cannot serve as plain HTTP and closes', async () => {
    const socket = await raw('POST /session HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n')
    expect(await text(socket)).to.match(/^HTTP\/1.1 501 /)
  })

  it('streams records at once and learns that the client left', async () => {
    const gone = new Promise<void>((resolve) => (left = resolve))
    const socket = await raw('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n')
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    expect(chunk.toString()).to.match(/^HTTP\/1.1 200 /)
    socket.destroy()
    await gone
  })
})
