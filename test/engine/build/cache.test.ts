import { mkdtemp, readdir, rm } from 'node:fs/promises'
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
})
