import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { fetched, nodeParts } from '../../src/stacks/node/root.js'

describe('a package of Node.js', () => {
  let cache: string
  const usual = process.env
  before(async () => {
    cache = await mkdtemp(join(tmpdir(), 'berth-packages-'))
    const registry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim()
    // nothing but the machine's own bundle tells of certificates, as where systemd starts the worker of a fresh server
    const told = Object.entries(usual).filter(([name]) => !/^npm_config_|^NODE_EXTRA_CA_CERTS$/i.test(name))
    process.env = Object.fromEntries(told)
    Object.assign(process.env, {
      npm_config_userconfig: join(cache, 'none'),
      npm_config_globalconfig: join(cache, 'none, either'),
      npm_config_cache: join(cache, 'npm-cache'),
      npm_config_registry: registry,
    })
  })
  after(async () => {
    process.env = usual
    await rm(cache, { recursive: true })
  })

  it('is fetched with the certificates that the machine trusts', async () => {
    const tarball = await fetched(cache, 'picocolors', '1.1.0')
    expect(execFileSync('tar', ['-xzOf', tarball, 'package/package.json'], { encoding: 'utf8' })).to.include('"1.1.0"')
    expect(await fetched(cache, 'picocolors', '1.1.0')).to.equal(tarball)
  })

  const fetchedBefore = async (name: string, version: string): Promise<void> => {
    await mkdir(join(cache, 'npm', name, version), { recursive: true })
    await writeFile(join(cache, 'npm', name, version, 'package.tgz'), '')
  }

  it('is the newest of its range, with tools that run on it, and what was fetched where nothing can be reached', async function () {
    this.timeout(60_000)
    const parts = await nodeParts(cache, '16')
    const name = Object.keys(parts)[0] ?? ''
    expect(parts[name]).to.equal('16.20.2')
    expect(parts.npm).to.match(/^[89]\./)
    expect(parts.yarn).to.match(/^1\.22\./)
    process.env.npm_config_registry = 'http://127.0.0.1:9/'
    await Promise.all(
      Object.entries({ [name]: '24.1.0', npm: '11.0.0', yarn: '1.22.1', corepack: '0.34.0' }).map(([each, version]) =>
        fetchedBefore(each, version),
      ),
    )
    await mkdir(join(cache, 'npm', name, '24.9.0'), { recursive: true }) // its fetch was cut off
    expect((await nodeParts(cache, '24'))[name]).to.equal('24.1.0')
    const failure = await nodeParts(cache, '22').catch((error: unknown) => (error as Error).message)
    expect(failure).to.match(/^the npm registry does not answer: .*ECONNREFUSED/)
  })

  it('is not waited for where the registry never says a word', async () => {
    const silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    process.env.npm_config_registry = `http://127.0.0.1:${port}/`
    const failure = await nodeParts(cache, '20', 500).catch((error: unknown) => (error as Error).message)
    expect(failure).to.equal('the npm registry does not answer: no word of it within 0.5 s')
    silent.close()
  })
})
