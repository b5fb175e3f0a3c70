import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { run } from '../run.js'
import { cache, home } from './instance.js'

describe('bin/up', function () {
  this.timeout(360_000)
  let dir: string
  let env: NodeJS.ProcessEnv
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-up-'))
    await run('chmod', ['755', dir])
    env = {
      ...process.env,
      BERTH_ROOT: join(dir, 'root'),
      BERTH_RUN: join(dir, 'run'),
      BERTH_NAME: `u${randomBytes(4).toString('hex')}`,
      BERTH_POOL: `10.${String(100 + ((randomBytes(1)[0] ?? 0) % 150))}.0.0/16`,
      BERTH_CACHE: cache,
      BERTH_CONFIG_DIR: join(dir, 'credentials'),
    }
  })
  after(async () => {
    await run(join(home, 'bin/berth'), ['down', '--all'], { env, timeoutMs: 120_000 })
    await rm(dir, { recursive: true, force: true })
  })
  const up = (...args: string[]) => run(join(home, 'bin/up'), ['--detach', ...args], { env, timeoutMs: 300_000 })

  it('a taken port: says so, says what to do, changes nothing', async () => {
    const server = createServer().listen(0)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const { code, stderr } = await up('--http-port', String(port))
    server.close()
    expect(code).to.equal(1)
    expect(stderr).to.include(`port ${port} is taken`).and.to.include('--http-port')
    expect(existsSync(join(dir, 'root'))).to.equal(false)
  })

  it('not root: says so and changes nothing', async () => {
    const { code, stderr } = await run('setpriv', ['--reuid=65534', '--clear-groups', join(home, 'bin/up')], { env })
    expect(code).to.equal(1)
    expect(stderr).to.include('needs root')
    expect(existsSync(join(dir, 'root'))).to.equal(false)
  })

  it('no space: says how much, and where else', async () => {
    await run('mkdir', [join(dir, 'tiny')])
    await run('mount', ['-t', 'tmpfs', '-o', 'size=10M', 'tmpfs', join(dir, 'tiny')])
    try {
      const { code, stderr } = await up('--root', join(dir, 'tiny/berth'))
      expect(code).to.equal(1)
      expect(stderr)
        .to.match(/only \d+ MB are free/)
        .and.to.include('--root')
      expect(existsSync(join(dir, 'tiny/berth'))).to.equal(false)
    } finally {
      await run('umount', [join(dir, 'tiny')])
    }
  })

  it('a value that is none, or an unknown option: usage', async () => {
    expect((await up('--http-port', 'eighty')).stderr).to.include('is not a port')
    expect((await up('--root', 'here')).stderr).to.include('absolute')
    expect((await up('--bogus')).code).to.equal(2)
    expect((await run(join(home, 'bin/up'), ['--help'])).stdout).to.include('--http-port')
  })

  it('starts Berth, pushes the example, prints its URL; again it is quick and changes nothing', async () => {
    const server = createServer().listen(0)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    server.close()
    await once(server, 'close')
    const first = await up('--http-port', String(port))
    expect(first.code, first.stderr).to.equal(0)
    const url = `http://hello-node.localhost:${port}`
    expect(first.stdout).to.include(url)
    expect((await run('curl', ['-sf', url])).code).to.equal(0)
    const pids = await readFile(join(dir, 'run/pids.json'), 'utf8')
    const started = Date.now()
    const second = await up() // remembers the port
    expect(second.code, second.stderr).to.equal(0)
    expect(Date.now() - started).to.be.lessThan(30_000)
    expect(second.stdout).to.include(url)
    expect(await readFile(join(dir, 'run/pids.json'), 'utf8')).to.equal(pids)
  })
})
