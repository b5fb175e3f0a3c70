import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { BuildCache, cacheKey } from '../../../src/engine/build/cache.js'

describe('the build cache', () => {
  const [one, two] = [cacheKey('one'), cacheKey('two')]
  const record = { layer: `sha256:${'0'.repeat(64)}`, created: '2026-01-01T00:00:00Z' }
  let root: string
  beforeEach(async () => (root = await mkdtemp(join(tmpdir(), 'berth-cache-'))))
  afterEach(() => rm(root, { recursive: true }))

  it('writes no record of a layer that may not be on the disk', async () => {
    const cache = await BuildCache.open(root)
    cache.put(one, record)
    await cache.save(async () => {
      expect(await readdir(root)).to.be.empty
      cache.put(two, record) // of another build, which has just made its layer
    })
    expect(await readdir(root)).to.deep.equal([one])
    await cache.save(() => Promise.resolve())
    expect(await readdir(root)).to.have.members([one, two])
  })

  it('writes what could not be made durable another time', async () => {
    const cache = await BuildCache.open(root)
    cache.put(one, record)
    await cache.save(() => Promise.reject(new Error('full'))).catch(() => undefined)
    expect(await readdir(root)).to.be.empty
    await cache.save(() => Promise.resolve())
    expect((await BuildCache.open(root)).get(one)).to.include(record)
  })

  it('knows a layer that lies upon another again, and shows it to no engine that would take it alone', async () => {
    const base = `sha256:${'1'.repeat(64)}`
    const cache = await BuildCache.open(root)
    cache.put(one, { ...record, base, like: 'like', over: 'over' })
    await cache.save(() => Promise.resolve())
    expect(await readFile(join(root, one), 'utf8')).not.to.include('"layer"')
    const again = await BuildCache.open(root)
    expect(again.get(one)).to.include({ ...record, base, like: 'like', over: 'over' })
    expect(again.layers()).to.deep.equal([base, record.layer])
    expect(await again.forgetLost((layer) => layer !== base)).to.deep.equal([one])
  })
})
