import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { loadConfig, type Config } from '../../src/config.js'
import { RouteFollower } from '../../src/router/follower.js'
import { OwnPages } from '../../src/router/rules/own-pages.js'
import { RouteCache } from '../../src/router/route-cache.js'
import { Table } from '../../src/router/table.js'
import type { Applied, Route, Target } from '../../src/store/routes.js'
import { openStore, type Store } from '../../src/store/store.js'
import { startRedis, type RedisChild } from '../redis.js'
import { silent, until } from './parts.js'

const target = (id: string): Target => ({ id, process: 'web.1', host: '10.0.0.1', port: 5000 })

describe('following Redis', () => {
  let dir: string
  let config: Config
  let redis: RedisChild
  let store: Store

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-follow-'))
    config = loadConfig({ BERTH_ROOT: join(dir, 'root'), BERTH_RUN: join(dir, 'run') })
    redis = await startRedis(config)
    store = await openStore(config)
  })
  afterEach(async () => {
    store.redis.disconnect()
    await redis[Symbol.asyncDispose]()
    await rm(dir, { recursive: true })
  })

  /** What a router says, heard by somebody who listens from the beginning. */
  async function listen() {
    const applied: Applied[] = []
    const ear = await store.subscriber()
    ear.on('message', (_, message) => applied.push(JSON.parse(message) as Applied))
    await ear.subscribe('routes:applied')
    return { applied, [Symbol.dispose]: () => ear.disconnect() }
  }

  const own = () => ({ pages: new OwnPages(config.root), log: silent })

  function follow() {
    const table = new Table((applied) => follower.drained(applied))
    const follower = new RouteFollower(config, { table, cache: new RouteCache(config.root), ...own() })
    follower.start()
    const app = (host: string) => table.find(host)?.backends.map((backend) => backend.id)
    return { table, app, follower, [Symbol.asyncDispose]: () => follower[Symbol.asyncDispose]() }
  }

  const put = async (name: string, ...ids: string[]) => {
    await store.redis.hset('apps:names', name, `id-${name}`)
    const route = { name, hosts: [`${name}.test`], targets: ids.map(target) }
    return store.routes.change(`id-${name}`, () => Promise.resolve(route))
  }

  it('knows the routes that were there, hears of each change, and says so once it is on disk', async () => {
    await put('old', 'a')
    using heard = await listen()
    await using router = follow()
    await until(() => heard.applied.length === 1)
    expect(router.app('old.test')).to.deep.equal(['a'])
    const version = await put('new', 'b')
    await until(() => heard.applied.some((one) => one.app === 'id-new'))
    expect(heard.applied.at(-1)).to.deep.equal({ app: 'id-new', version, busy: [] })
    expect(router.app('new.test')).to.deep.equal(['b'])
    expect(await store.routes.lastApplied('id-new')).to.deep.equal({ app: 'id-new', version, busy: [] })
    expect(await readFile(join(config.root, 'router', 'routes.json'), 'utf8')).to.include('new.test')
    await store.routes.remove('id-new')
    await until(() => router.app('new.test') === undefined)
    await until(() => heard.applied.length === 3)
    expect(await store.routes.lastApplied('id-new'), 'an app that is gone leaves nothing').to.equal(null)
  })

  it('goes on saying what it holds when another router has taken over, until it has ended', async () => {
    await put('old', 'a')
    const held = (version: number, id: string) => store.routes.isHeld({ app: 'id-old', version }, id)
    using heard = await listen()
    {
      await using router = follow()
      await until(() => heard.applied.length === 1)
      const end = router.table.find('old.test')?.pick()?.hold()
      router.follower.leave()
      const said = heard.applied.length
      const version = await put('old', 'b')
      expect(await held(version + 1, 'b'), 'before it has applied a route').to.equal(true)
      await until(() => router.app('old.test')?.[0] === 'b')
      while (await held(version, 'b')); // it says so a moment later
      expect(await held(version, 'a')).to.equal(true)
      end?.()
      while (await held(version, 'a'));
      expect(heard.applied.length, 'nothing in the name of the one that is there').to.equal(said)
      expect(await held(version + 1, 'a')).to.equal(true)
    }
    expect(await held(9, 'a')).to.equal(false)
    expect(await store.redis.exists('routes:leaving')).to.equal(0)
  })

  it('says which processes are busy and when they are not, in the hash too for who listens later', async () => {
    using heard = await listen()
    await using router = follow()
    await put('blog', 'a')
    await until(() => router.app('blog.test')?.[0] === 'a')
    const end = router.table.find('blog.test')?.pick()?.hold()
    const version = await put('blog', 'b')
    await until(() => heard.applied.some((one) => one.version === version))
    expect(heard.applied.at(-1)?.busy).to.deep.equal(['a'])
    end?.()
    await until(() => heard.applied.at(-1)?.busy.length === 0)
    expect(heard.applied.at(-1)).to.deep.equal({ app: 'id-blog', version, busy: [] })
    expect(await store.routes.lastApplied('id-blog')).to.deep.equal({ app: 'id-blog', version, busy: [] })
  })

  it('loses no word about a process that drains while Redis is away', async () => {
    await using router = follow()
    await put('blog', 'a')
    await until(() => router.app('blog.test')?.[0] === 'a')
    const end = router.table.find('blog.test')?.pick()?.hold()
    const version = await put('blog', 'b')
    await until(() => router.table.state('id-blog').busy.length === 1)
    await redis.kill()
    end?.()
    expect(router.app('blog.test')).to.deep.equal(['b'])
    await redis.start()
    // the router may have said it before anybody could listen: the hash is what a late listener reads
    const read = () => store.routes.lastApplied('id-blog')
    const deadline = performance.now() + 3000
    let known = await read()
    while ((known?.version !== version || known.busy.length > 0) && performance.now() < deadline) known = await read()
    expect(known).to.deep.equal({ app: 'id-blog', version, busy: [] })
  })

  it('serves what it knew while Redis is away, and hears of what was written while it was cut off', async () => {
    await put('blog', 'a')
    await using router = follow()
    await until(() => router.app('blog.test')?.[0] === 'a')
    await redis.kill()
    expect(router.app('blog.test')).to.deep.equal(['a'])
    await redis.start()
    await put('blog', 'b')
    await put('shop', 'c')
    await until(() => router.app('blog.test')?.[0] === 'b' && router.app('shop.test')?.[0] === 'c')
  })

  it('has written all that it writes when it has ended', async () => {
    await put('blog', 'a')
    const saving = Promise.withResolvers<undefined>()
    const onDisk = Promise.withResolvers<undefined>()
    class SlowCache extends RouteCache {
      override async save(routes: () => readonly Route[]): Promise<void> {
        saving.resolve(undefined)
        await onDisk.promise
        await super.save(routes)
      }
    }
    const follower = new RouteFollower(config, {
      table: new Table(() => undefined),
      cache: new SlowCache(config.root),
      ...own(),
    })
    follower.start()
    await saving.promise
    let ended = false
    const end = follower[Symbol.asyncDispose]().then(() => (ended = true))
    await store.redis.ping()
    await new Promise(setImmediate)
    expect(ended).to.equal(false)
    onDisk.resolve(undefined)
    await end
    expect(await readFile(join(config.root, 'router', 'routes.json'), 'utf8')).to.include('blog.test')
  })

  it('passes over garbage, keeping what it knew of that app', async () => {
    await put('blog', 'a')
    await put('shop', 'c')
    await using router = follow()
    await until(() => router.app('blog.test') !== undefined && router.app('shop.test') !== undefined)
    await store.redis.hset('routes', 'id-blog', '{"app":"id-blog","hosts":7')
    for (const message of ['id-blog', 'nobody', '\u0000\n', 'x'.repeat(10_000), ''])
      await store.redis.publish('routes', message)
    await put('shop', 'd')
    await until(() => router.app('shop.test')?.[0] === 'd')
    expect(router.app('blog.test')).to.deep.equal(['a'])
    await store.redis.set('routes', 'not even a hash')
    await store.redis.publish('routes', 'id-shop')
    await store.redis.del('routes')
    await put('blog', 'e')
    await until(() => router.app('blog.test')?.[0] === 'e')
  })
})
