import { lstatSync, readlinkSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { loadConfig, type Config } from '../../src/config.js'
import { layOut } from '../../src/serve/layout.js'

describe('the directories of an instance', () => {
  let dir: string
  let config: Config
  let umask: number
  const account = { uid: 54_321, gid: 54_322 }
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-layout-'))
    config = loadConfig({
      BERTH_ROOT: join(dir, 'a/root'),
      BERTH_RUN: join(dir, 'b/run'),
      BERTH_CACHE: join(dir, 'cache'),
    })
    umask = process.umask(0o077)
  })
  afterEach(async () => {
    process.umask(umask)
    await rm(dir, { recursive: true })
  })

  const look = (path: string) => {
    const { uid, gid, mode } = lstatSync(path)
    return [uid, gid, (mode & 0o777).toString(8)]
  }
  const root = (...names: string[]) => join(config.root, ...names)

  it('are whose they should be, whatever the umask', () => {
    layOut(config, account)
    layOut(config, account)
    const { uid, gid } = account
    expect(
      Object.fromEntries(['engine', 'git', 'redis', 'home', 'init', 'log'].map((name) => [name, look(root(name))])),
    ).to.deep.equal({
      engine: [0, 0, '700'],
      git: [uid, gid, '750'],
      redis: [uid, gid, '750'],
      home: [uid, gid, '750'],
      init: [uid, gid, '755'],
      log: [0, gid, '750'],
    })
    expect([look(dirname(config.redisSocket)), look(dirname(config.apiSocket))]).to.deep.equal([
      [uid, gid, '700'],
      [uid, gid, '750'],
    ])
    for (const path of [config.root, config.run, config.cache]) expect(look(path), path).to.deep.equal([0, 0, '755'])
  })

  it('can be passed through where somebody made them, who keeps what else they may', async () => {
    await mkdir(config.root, { recursive: true })
    await chmod(config.root, 0o700)
    layOut(config, account)
    expect(look(config.root)[2]).to.equal('711')
  })

  it('are the account’s whole when they came from another machine, and no link is followed', async () => {
    const outside = join(dir, 'outside')
    await writeFile(outside, '')
    await mkdir(root('git', 'a.git'), { recursive: true })
    await writeFile(root('git', 'a.git', 'HEAD'), '')
    await symlink(outside, root('git', 'a.git', 'link'))
    await symlink(dir, root('git', 'up'))
    await chown(root('git'), 1000, 1000)
    layOut(config, account)
    const { uid, gid } = account
    for (const path of ['a.git', 'a.git/HEAD', 'a.git/link', 'up'])
      expect(look(root('git', path)).slice(0, 2), path).to.deep.equal([uid, gid])
    expect([look(outside).slice(0, 2), look(dir).slice(0, 2)]).to.deep.equal([
      [0, 0],
      [0, 0],
    ])
  })

  it('keep secrets and logs from everybody else, and a link among them where it leads', async () => {
    layOut(config, account)
    const outside = join(dir, 'outside')
    await writeFile(outside, '', { mode: 0o644 })
    await chmod(outside, 0o644)
    for (const path of ['berth.env', 'build.env', 'log/api.log']) {
      await writeFile(root(path), 'secret')
      await chmod(root(path), 0o666)
    }
    await symlink(outside, root('log', 'link'))
    layOut(config, account)
    for (const path of ['berth.env', 'build.env', 'log/api.log'])
      expect(look(root(path)), path).to.deep.equal([0, account.gid, '640'])
    expect([look(outside), readlinkSync(root('log', 'link'))]).to.deep.equal([[0, 0, '644'], outside])
  })
})
