import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { expect } from 'chai'
import { fetched } from '../../src/queue/node-root.js'

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
    const tarball = await fetched(cache, 'picocolors@1')
    expect(basename(tarball)).to.match(/^picocolors-1\..*\.tgz$/)
    expect(await fetched(cache, 'picocolors@1')).to.equal(tarball)
  })
})
