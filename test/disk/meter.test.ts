import { mkdtemp, mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { label, loadConfig } from '../../src/config.js'
import { DiskMeter, limitOf } from '../../src/disk/meter.js'
import type { EngineUsage } from '../../src/engine-client/usage.js'
import { BerthError } from '../../src/errors.js'
import type { App } from '../../src/store/apps.js'

const app = (id: string, diskLimit?: number): App => ({
  ...{ id, name: id, createdAt: '', deployBranch: null, current: 1 },
  ...(diskLimit !== undefined && { diskLimit }),
})

describe('what apps may have on the disk', () => {
  let root = ''
  let volume = 0
  let asked = 0
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'berth-meter-'))
    await mkdir(join(root, 'cache'))
  })
  after(() => rm(root, { recursive: true, force: true }))

  const meterOf = (apps: readonly App[], usual?: number): DiskMeter => {
    const usage = (): Promise<EngineUsage> => {
      asked += 1
      return Promise.resolve({
        ...{ images: [], containers: [], cache: [] },
        volumes: [{ name: 'v', labels: { [label.app]: 'a' }, bytes: volume }],
      })
    }
    const none = { list: () => Promise.resolve([]) } as never
    const store = { apps: { list: () => Promise.resolve(apps) } as never, operations: none, services: none }
    return new DiskMeter(
      () => Promise.resolve({ config: loadConfig({ BERTH_ROOT: root }), store, engine: { usage } }),
      usual,
    )
  }

  it('is what is said of them, or of all, and 0 is no limit', () => {
    expect(limitOf({}, undefined)).to.equal(undefined)
    expect(limitOf({}, 5)).to.equal(5)
    expect(limitOf({ diskLimit: 7 }, 5)).to.equal(7)
    expect(limitOf({ diskLimit: 0 }, 5)).to.equal(undefined)
  })

  it('is not measured where there is no limit', async () => {
    asked = 0
    await meterOf([app('a')]).demandRoom(app('a'), 1e15)
    expect(asked).to.equal(0)
  })

  it('refuses what there is no room for, in words', async () => {
    volume = 900
    const meter = meterOf([app('a', 1000)])
    await meter.demandRoom(app('a', 1000), 100)
    const refused = await meter.demandRoom(app('a', 1000), 101).then(
      () => undefined,
      (error: unknown) => error as BerthError,
    )
    expect(refused?.fault).to.equal('large')
    expect(refused?.message).to.equal('a may have 1000 bytes on the disk and has 900 bytes, and this takes 101 bytes')
  })

  it('is measured anew before anything is refused', async () => {
    volume = 2000
    const meter = meterOf([app('a', 1000)])
    expect(await meter.roomOf(app('a', 1000))).to.equal(-1000)
    volume = 10
    expect(await meter.roomOf(app('a', 1000))).to.equal(990)
  })

  it('is measured once for all who ask at once', async () => {
    asked = 0
    volume = 1
    const meter = meterOf([app('a', 1000)])
    await Promise.all(Array.from({ length: 50 }, () => meter.roomOf(app('a', 1000))))
    expect(asked).to.equal(1)
  })

  it('is asked for again after it could not be measured', async () => {
    let fails = true
    const none = { list: () => Promise.resolve([]) } as never
    const store = { apps: none, operations: none, services: none }
    const usage = (): Promise<EngineUsage> =>
      fails
        ? Promise.reject(new BerthError('unavailable', 'away'))
        : Promise.resolve({ images: [], containers: [], cache: [], volumes: [] })
    const meter = new DiskMeter(
      () => Promise.resolve({ config: loadConfig({ BERTH_ROOT: root }), store, engine: { usage } }),
      1,
    )
    expect(await meter.measure().catch((error: unknown) => (error as Error).message)).to.equal('away')
    fails = false
    expect((await meter.measure(60_000)).others).to.equal(0)
  })
})
