import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import type { Readable } from 'node:stream'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { typescript } from '../run.js'
import { loadConfig } from '../../src/config.js'
import { RouteCache } from '../../src/router/route-cache.js'
import { openListener } from '../../src/serve/socket.js'
import { app } from './parts.js'
import { freePort } from '../free.js'

const main = fileURLToPath(new URL('../../src/router/main.ts', import.meta.url))

async function ask(port: number, path = '/'): Promise<string> {
  const [answer] = (await once(get({ port, path, agent: false, headers: { host: 'blog.test' } }), 'response')) as [
    IncomingMessage,
  ]
  return text(answer)
}

/** A client's connection, and what one more request over it is answered. */
async function connection(port: number) {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return {
    socket,
    ask: async (): Promise<string> => {
      socket.write('GET / HTTP/1.1\r\nHost: blog.test\r\n\r\n')
      const [data] = (await once(socket, 'data')) as [Buffer]
      return data.toString()
    },
  }
}

describe('the router process', function () {
  this.timeout(15_000)

  it('serves with the routes last known when Redis is away, on the port it was handed, and a killed one loses no connection', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'berth-router-'))
    const port = await freePort()
    const env = {
      ...process.env,
      BERTH_ROOT: dir,
      BERTH_RUN: join(dir, 'run'),
      BERTH_HTTP_PORT: String(port),
      LISTEN_FDS: '1',
    }
    const config = loadConfig(env)
    using listener = openListener(config.httpPort)
    await using blog = await app((_req, res) => res.end('from the app'))
    await new RouteCache(config.root).save(() => [
      { app: 'a1', name: 'blog', hosts: ['blog.test'], targets: [blog.target()], version: 1 },
    ])
    const start = () =>
      spawn(process.execPath, [typescript, main], { env, stdio: ['ignore', 'ignore', 'inherit', listener.fd] })
    let child = start()
    try {
      expect(await ask(port)).to.equal('from the app')
      child.kill('SIGKILL')
      await once(child, 'exit')
      const waiting = ask(port) // nobody accepts it yet
      child = start()
      expect(await waiting).to.equal('from the app')

      const idle = connect(port, '127.0.0.1')
      await once(idle, 'connect')
      child.kill('SIGINT')
      const [code] = (await once(child, 'exit')) as [number]
      expect(code).to.equal(0)
      idle.destroy()
    } finally {
      child.kill('SIGKILL')
      await rm(dir, { recursive: true })
    }
  })

  it('leaves the port to another on SIGTERM: connections it has are served to their end, and asked to come anew', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'berth-router-'))
    const port = await freePort()
    const env = {
      ...process.env,
      ...{ BERTH_ROOT: dir, BERTH_RUN: join(dir, 'run'), BERTH_HTTP_PORT: String(port) },
      ...{ LISTEN_FDS: '1', READY_FD: '4' },
    }
    using listener = openListener(port)
    const slowly = new EventEmitter()
    await using blog = await app((request, response) => {
      if (request.url === '/slow') slowly.once('end', () => response.end('slow but whole'))
      else response.end('from the app')
    })
    await new RouteCache(dir).save(() => [
      { app: 'a1', name: 'blog', hosts: ['blog.test'], targets: [blog.target()], version: 1 },
    ])
    const start = async () => {
      const stdio = ['ignore', 'ignore', 'inherit', listener.fd, 'pipe'] as const
      const child = spawn(process.execPath, [typescript, main], { env, stdio: [...stdio] })
      const word = child.stdio[4] as Readable
      await once(word, 'data') // it accepts
      return { child, leaves: once(word, 'close') }
    }
    const old = await start()
    const children = [old.child]
    try {
      const kept = await connection(port)
      expect(await kept.ask())
        .to.match(/from the app$/)
        .and.not.include('Connection: close')
      const unused = await connection(port)
      const arrived = once(blog.server, 'request')
      const slow = ask(port, '/slow')
      await arrived
      old.child.kill('SIGTERM')
      await old.leaves
      old.child.kill('SIGTERM') // the next supervisor but one says so again
      const next = await start()
      children.push(next.child)
      slowly.emit('end')
      expect(await slow).to.equal('slow but whole')
      for (const client of [kept, unused])
        expect(await client.ask())
          .to.match(/from the app$/)
          .and.match(/^connection: close\r$/im)
      const [code] = (await once(old.child, 'exit')) as [number]
      expect(code).to.equal(0)
      expect(await ask(port)).to.equal('from the app')
    } finally {
      for (const child of children) child.kill('SIGKILL')
      await rm(dir, { recursive: true })
    }
  })
})
