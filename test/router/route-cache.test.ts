import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { RouteCache } from '../../src/router/route-cache.js'
import type { Route } from '../../src/store/routes.js'

const route = (version: number): Route => ({ app: 'a1', name: 'blog', hosts: ['blog.test'], targets: [], version })

describe('the routes last known', () => {
  let root: string
  beforeEach(async () => void (root = await mkdtemp(join(tmpdir(), 'berth-cache-'))))
  afterEach(() => rm(root, { recursive: true }))

  it('are none before the first', async () => expect(await new RouteCache(root).load()).to.deep.equal([]))

  it('come back in a later process', async () => {
    await new RouteCache(root).save(() => [route(1)])
    expect(await new RouteCache(root).load()).to.deep.equal([route(1)])
  })

  it('are the newest after a crowd of saves, and each save waits for a write that began after it', async () => {
    const cache = new RouteCache(root)
    let version = 0
    const written: number[] = []
    const saves = Array.from({ length: 50 }, () => {
      const asked = ++version
      return cache
        .save(() => {
          written.push(version)
          return [route(version)]
        })
        .then(() => expect(written.at(-1)).to.be.at.least(asked))
    })
    await Promise.all(saves)
    expect(written.length).to.be.lessThan(5)
    expect(await cache.load()).to.deep.equal([route(50)])
    expect(await readdir(join(root, 'router'))).to.deep.equal(['routes.json'])
  })

  it('are none when the file is garbage, and what makes no sense in it is left out', async () => {
    const cache = new RouteCache(root)
    await cache.save(() => [])
    await writeFile(join(root, 'router', 'routes.json'), '[{"app":')
    expect(await cache.load()).to.deep.equal([])
    await writeFile(join(root, 'router', 'routes.json'), JSON.stringify([{ app: 7 }, null, route(2)]))
    expect(await cache.load()).to.deep.equal([route(2)])
  })

  it('can be saved again after a save that failed', async () => {
    const cache = new RouteCache(root)
    await writeFile(join(root, 'router'), 'a file where the folder should be')
    let failed = false
    await cache.save(() => [route(1)]).catch(() => (failed = true))
    expect(failed).to.equal(true)
    await rm(join(root, 'router'))
    await cache.save(() => [route(2)])
    expect(await cache.load()).to.deep.equal([route(2)])
  })
})
