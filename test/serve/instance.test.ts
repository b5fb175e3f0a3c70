import { existsSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { loadConfig, type Config } from '../../src/config.js'
import { forgetRunning, pidsFile, readRunning, runnable, tellRunning } from '../../src/serve/instance.js'

describe('what an instance runs', () => {
  let dir: string
  let config: Config
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-instance-'))
    config = loadConfig({ BERTH_ROOT: join(dir, 'root'), BERTH_RUN: dir, BERTH_DOMAIN: 'example.test' })
  })
  afterEach(() => rm(dir, { recursive: true }))

  it('is read as it was told, by root alone, until nothing of it is left', () => {
    expect(readRunning(config.run)).to.equal(null)
    const running = { ...runnable(config), pid: 7 }
    tellRunning(config, running)
    tellRunning(config, running)
    expect(readRunning(config.run)).to.deep.equal(running)
    expect(statSync(join(dir, 'running.json')).mode & 0o777).to.equal(0o600)
    writeFileSync(pidsFile(config), '{}')
    forgetRunning(config)
    forgetRunning(config)
    expect([readRunning(config.run), existsSync(pidsFile(config))]).to.deep.equal([null, false])
  })

  it('is not taken for none when it cannot be read', () => {
    writeFileSync(join(dir, 'running.json'), '{"pid":')
    expect(() => readRunning(config.run)).to.throw(SyntaxError)
    expect(() => readRunning(join(dir, 'running.json'))).to.throw(/ENOTDIR/)
  })

  it('is another with other settings, and the same with the same', () => {
    const again = loadConfig({ BERTH_ROOT: join(dir, 'root'), BERTH_RUN: dir, BERTH_DOMAIN: 'example.test' })
    expect(runnable(again)).to.deep.equal(runnable(config))
    const other = loadConfig({ BERTH_ROOT: join(dir, 'other'), BERTH_RUN: dir, BERTH_DOMAIN: 'example.test' })
    expect(runnable(other).redis).to.not.equal(runnable(config).redis)
    expect(runnable(other).settings).to.not.deep.equal(runnable(config).settings)
    expect(runnable(config).node).to.equal(`${process.execPath} ${process.version}`)
  })
})
