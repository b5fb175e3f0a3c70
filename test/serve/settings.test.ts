import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { loadConfig, storedSettings } from '../../src/config.js'
import { readRunning, runnable, tellRunning } from '../../src/serve/instance.js'
import { checkInstanceSettings, rememberSettings } from '../../src/serve/settings.js'
import { unitText } from '../../src/serve/unit.js'

describe('the settings of an instance', () => {
  let dir: string
  let env: Record<string, string>
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-settings-'))
    env = { BERTH_ROOT: join(dir, 'root'), BERTH_RUN: join(dir, 'run'), BERTH_NAME: 'unit-settings' }
    await mkdir(join(dir, 'root'))
    await mkdir(join(dir, 'run'))
  })
  afterEach(() => rm(dir, { recursive: true }))
  const file = () => join(dir, 'root/berth.env')
  const starts = (more: Record<string, string> = {}) => {
    const config = loadConfig({ ...env, ...more })
    tellRunning(config, { ...runnable(config), pid: process.pid })
  }

  it('given once are remembered, and what their owner wrote beside them stays as it is', async () => {
    await writeFile(file(), '# mine\nexport BERTH_DOMAIN="old.test" # was\n\nBERTH_DEPLOYS=3\n')
    const given = { ...env, BERTH_DOMAIN: 'new.test' }
    await rememberSettings(loadConfig(given), given)
    expect(await readFile(file(), 'utf8')).to.equal(
      `# mine\n\nBERTH_DEPLOYS=3\nBERTH_RUN=${dir}/run\nBERTH_NAME=unit-settings\nBERTH_DOMAIN=new.test\n`,
    )
    expect(loadConfig({ BERTH_ROOT: join(dir, 'root') }).domain).to.equal('new.test')
    expect((await stat(file())).mode & 0o777).to.equal(0o600)
  })

  it('that are the same change nothing, defaults are not written down', async () => {
    await rememberSettings(loadConfig(env), env)
    const before = await readFile(file(), 'utf8')
    expect(before).to.not.include('BERTH_POOL')
    const { ino } = await stat(file())
    await rememberSettings(loadConfig(env), env)
    expect((await stat(file())).ino).to.equal(ino)
  })

  it('are read back as they were given, whatever is in them', async () => {
    const value = fc.string({
      unit: fc.constantFrom('a', '/', ':', '#', "'", '"', '`', '$', '\\', ' ', '='),
      minLength: 1,
      maxLength: 12,
    })
    await fc.assert(
      fc.asyncProperty(value, async (text) => {
        const mirrors = text.trim()
        fc.pre(mirrors !== '' && !["'", '"', '`'].every((mark) => mirrors.includes(mark)))
        fc.pre(!(mirrors.includes("'") && mirrors.includes('\\')))
        await rm(file(), { force: true })
        const given = { ...env, BERTH_REGISTRY_MIRRORS: mirrors }
        await rememberSettings(loadConfig(given), given)
        expect(storedSettings(join(dir, 'root')).BERTH_REGISTRY_MIRRORS).to.equal(mirrors)
      }),
    )
  })

  const wrong: [string, string, RegExp][] = [
    ['BERTH_DOMAIN', 'a..b', /not a domain name/],
    ['BERTH_DOMAIN', '-a.test', /not a domain name/],
    ['BERTH_HTTP_PORT', 'eighty', /BERTH_HTTP_PORT="eighty"/],
    ['BERTH_HTTP_PORT', '70000', /BERTH_HTTP_PORT="70000"/],
    ['BERTH_POOL', '10.1.2.0/24', /BERTH_POOL/],
    ['BERTH_DEPLOYS', '0', /BERTH_DEPLOYS/],
    ['BERTH_CACHE', 'here', /BERTH_CACHE/],
    ['BERTH_DOMIAN', 'x.test', /there is no setting BERTH_DOMIAN/],
  ]
  for (const [name, value, message] of wrong)
    it(`edited by hand to ${name}=${value} are refused, naming the setting and the file`, async () => {
      await writeFile(file(), `${name}=${value}\n`)
      expect(() => loadConfig(env))
        .to.throw(message)
        .and.to.have.property('message')
        .that.includes('berth.env')
    })

  it('are those of the supervisor in its processes, whatever the file says by now', async () => {
    await writeFile(file(), 'BERTH_DOMAIN=edited.test\n')
    expect(loadConfig({ ...env, BERTH_SUPERVISED: '1', BERTH_DOMAIN: 'runs.test' }).domain).to.equal('runs.test')
    expect(loadConfig({ ...env, BERTH_DOMAIN: '' }).domain).to.equal('edited.test')
  })

  it('that its apps stand on cannot change while they run', () => {
    starts()
    expect(checkInstanceSettings(loadConfig({ ...env, BERTH_DOMAIN: 'x.test', BERTH_HTTP_PORT: '81' }))).to.not.equal(
      null,
    )
    for (const [name, value] of Object.entries({
      BERTH_POOL: '10.201.0.0/16',
      BERTH_NAME: 'other',
      BERTH_USERNS_IDS: '100000:65536',
      BERTH_ENGINE: '/var/run/docker.sock',
    }))
      expect(() => checkInstanceSettings(loadConfig({ ...env, [name]: value })))
        .to.throw(`${name} is`)
        .and.to.have.property('fault', 'conflict')
  })

  it('of its run directory neither, though the record is where it was', async () => {
    await writeFile(file(), `BERTH_RUN=${dir}/run\n`)
    starts()
    expect(() => checkInstanceSettings(loadConfig({ ...env, BERTH_RUN: join(dir, 'elsewhere') }))).to.throw(
      'BERTH_RUN is',
    )
  })

  it('of another root with what a running one has are refused; nothing is written', async () => {
    starts()
    const other = join(dir, 'other')
    expect(() => checkInstanceSettings(loadConfig({ ...env, BERTH_ROOT: other }))).to.throw(
      `belongs to the Berth in ${dir}/root`,
    )
    expect(await stat(other).catch(() => null)).to.equal(null)
    expect(readRunning(join(dir, 'run'))?.settings.BERTH_ROOT).to.equal(join(dir, 'root'))
  })

  it('a directory with other files is not made a root', async () => {
    await writeFile(join(dir, 'root/thesis.txt'), '')
    expect(() => checkInstanceSettings(loadConfig(env))).to.throw('holds other files')
    await mkdir(join(dir, 'root/redis'))
    expect(checkInstanceSettings(loadConfig(env))).to.equal(null)
  })

  it('are read by the systemd unit, which names the root alone and takes every character as it is', () => {
    const text = unitText(loadConfig({ ...env, BERTH_ROOT: '/srv/100% "mine"/$x', BERTH_DOMAIN: 'x.test' }))
    expect(text).to.include('Environment="BERTH_ROOT=/srv/100%% \\"mine\\"/$x"')
    expect(text).to.not.match(/BERTH_(DOMAIN|HTTP_PORT|POOL)/)
    expect(text).to.include('StartLimitIntervalSec=0')
  })
})
