import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { loadConfig } from '../../src/config.js'
import { Memory } from '../../src/router/memory.js'
import { openListener } from '../../src/serve/socket.js'
import { app } from './parts.js'
import { freePort } from '../free.js'

const main = fileURLToPath(new URL('../../src/router/main.ts', import.meta.url))

async function ask(port: number): Promise<string> {
  const [answer] = (await once(get({ port, agent: false, headers: { host: 'blog.test' } }), 'response')) as [
    IncomingMessage,
  ]
  return text(answer)
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
    await new Memory(config.root).save(() => [
      { app: 'a1', name: 'blog', hosts: ['blog.test'], targets: [blog.target()], version: 1 },
    ])
    const start = () =>
      spawn(process.execPath, ['--import=tsx', main], { env, stdio: ['ignore', 'ignore', 'inherit', listener.fd] })
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
      child.kill('SIGTERM')
      const [code] = (await once(child, 'exit')) as [number]
      expect(code).to.equal(0)
      idle.destroy()
    } finally {
      child.kill('SIGKILL')
      await rm(dir, { recursive: true })
    }
  })
})
