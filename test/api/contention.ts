import { expect } from 'chai'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { OperationView } from '../../src/api/contract.js'
import { changeOf } from '../../src/changes/index.js'
import { BerthError } from '../../src/errors.js'
import { operationFiles } from '../../src/builds/files.js'
import { submit } from '../../src/queue/submit.js'
import { RouteFollower } from '../../src/router/follower.js'
import { OwnPages } from '../../src/router/rules/own-pages.js'
import { RouteCache } from '../../src/router/route-cache.js'
import { Table } from '../../src/router/table.js'
import { defaultLimits } from '../../src/scheduler/limits.js'
import type { Scheduler } from '../../src/scheduler/scheduler.js'
import { Traffic } from '../../src/scheduler/traffic.js'
import type { App } from '../../src/store/apps.js'
import { newOperationId, type Operation } from '../../src/store/operations.js'
import type { Release } from '../../src/store/releases.js'
import type { Route } from '../../src/store/routes.js'
import type { Store } from '../../src/store/store.js'
import { createLog } from '../../src/log.js'
import { random, type Random } from '../e2e/crash/random.js'
import { openRig, type Rig } from './rig.js'

const names = ['a0', 'a1', 'a2', 'a3', 'a4']
const vars = ['A', 'B', 'C']
const clients = 6

/** A write that was acknowledged, and when it was asked for and answered. */
interface Write {
  readonly value: unknown
  readonly from: number
  readonly to: number
}

/** What was asked for and acknowledged, to be compared with what there is in the end. */
interface Ledger {
  /** Deploy id -> the config vars it set and unset. */
  readonly configs: Map<string, { set: Record<string, string>; unset: readonly string[] }>
  /** App id -> its names, its branches. */
  readonly names: Map<string, Write[]>
  readonly branches: Map<string, Write[]>
}

interface Ring {
  readonly rig: Rig
  readonly ledger: Ledger
  readonly chance: Random
}

type Step = (ring: Ring) => Promise<OperationView | null>

const note = (writes: Map<string, Write[]>, app: string, value: unknown, from: number): void => {
  writes.set(app, [...(writes.get(app) ?? []), { value, from, to: performance.now() }])
}

const steps: readonly Step[] = [
  async ({ rig, ledger, chance }) => {
    const from = performance.now()
    const app = await rig.client.apps.create({ name: chance.of(names) })
    note(ledger.names, app.id, app.name, from)
    note(ledger.branches, app.id, null, from)
    return null
  },
  async ({ rig, ledger, chance }) => {
    const from = performance.now()
    const both = chance.below(3) === 0 ? { deployBranch: `b${String(chance.below(1000))}` } : {}
    const { app, operation } = await rig.client.apps.update({ app: chance.of(names), name: chance.of(names), ...both })
    note(ledger.names, app.id, app.name, from)
    if (both.deployBranch !== undefined) note(ledger.branches, app.id, both.deployBranch, from)
    return operation
  },
  async ({ rig, ledger, chance }) => {
    const from = performance.now()
    const deployBranch = `b${String(chance.below(1000))}`
    const { app } = await rig.client.apps.update({ app: chance.of(names), deployBranch })
    note(ledger.branches, app.id, deployBranch, from)
    return null
  },
  async ({ rig, ledger, chance }) => {
    const change =
      chance.below(4) === 0
        ? { set: {}, unset: [chance.of(vars)] }
        : { set: { [chance.of(vars)]: String(chance.below(1000)) }, unset: [] }
    const operation = await rig.client.config.change({ app: chance.of(names), ...change })
    ledger.configs.set(operation.id, change)
    return operation
  },
  ({ rig, chance }) =>
    rig.client.formation.scale({
      app: chance.of(names),
      formation: { [chance.of(['web', 'worker'])]: { quantity: chance.below(4) } },
    }),
  ({ rig, chance }) => rig.client.processes.restart({ app: chance.of(names) }),
  ({ rig, chance }) => rig.client.releases.rollback({ app: chance.of(names) }),
  async ({ rig, chance }) => {
    await push(rig, await rig.store.apps.get(chance.of(names)), String(chance.below(10 ** 9)).padStart(9, '0'))
    return null
  },
  async ({ rig, chance }) => {
    if (chance.below(3) > 0) return null
    const app = chance.of(names)
    return rig.client.apps.destroy({ app, confirm: app })
  },
]

/** As git does it when a push has been received. */
async function push({ config, store }: Rig, app: App, commit: string): Promise<Operation> {
  const id = newOperationId()
  const { source } = operationFiles(config, id)
  await mkdir(source, { recursive: true })
  await writeFile(join(source, 'Dockerfile'), 'FROM scratch\n')
  await writeFile(join(source, 'Procfile'), 'web: /web\nworker: /worker\n')
  return submit(store, app, { kind: 'push', commit, branch: 'main' }, { id })
}

/** What two at once may be told. */
const refusal =
  /no app named|is taken|not there any more|nothing to scale|has no earlier release|no process type|has no image|is the current release|its app was destroyed/

/** A scheduler without containers that leads the real routes, and takes its time. */
async function schedulerOf(rig: { config: Rig['config']; store: Store }, chance: Random): Promise<Partial<Scheduler>> {
  const traffic = await Traffic.open(rig.store, (name) => rig.config.appHost(name), defaultLimits)
  const lead = (app: string, { version }: Pick<Release, 'version'>) =>
    traffic.route(app, { targets: [{ id: `c${String(version)}`, process: 'web.1', host: '127.0.0.1', port: 5000 }] })
  return {
    rollOut: async (app, release, { signal }) => {
      await delay(chance.below(8), undefined, { signal })
      if (chance.below(8) === 0) throw new BerthError('invalid', 'web.1 crashed')
      const version = await lead(app.id, release)
      await traffic.whenApplied(app.id, version, signal)
    },
    restart: async (app, release, _process, { signal }) => {
      await delay(chance.below(4), undefined, { signal })
      await lead(app.id, release)
    },
    remove: (app) => traffic.forget(app.id),
    refreshRoute: async ({ id }) => {
      const app = await rig.store.apps.find(id)
      if (app) await lead(id, await rig.store.releases.get(id, app.current))
    },
    stop: () => traffic[Symbol.asyncDispose](),
  }
}

/** No hostname is ever two apps', at any moment. */
async function checkMoment({ redis }: Store): Promise<void> {
  const [apps, routes] = (await redis.multi().hvals('apps').hvals('routes').exec()) as [
    [null, string[]],
    [null, string[]],
  ]
  const all = apps[1].map((json) => JSON.parse(json) as App)
  const hosts = routes[1].flatMap((json) => (JSON.parse(json) as Route).hosts)
  expect(new Set(hosts).size, `hosts ${hosts.join(' ')}`).to.equal(hosts.length)
  expect(new Set(all.map(({ name }) => name)).size, 'names').to.equal(all.length)
  for (const json of routes[1]) {
    const route = JSON.parse(json) as Route
    expect(all.find(({ id }) => id === route.app)?.name, 'the name of a route').to.equal(route.name)
  }
}

/** A value that some order of the writes leaves last: none of the others began after it was answered. */
function expectLast(writes: readonly Write[], value: unknown, what: string): void {
  const last = writes.filter((write) => !writes.some(({ from }) => from > write.to)).map((write) => write.value)
  expect(last, `${what}: ${JSON.stringify(writes)}`).to.include(value)
}

async function checkApp({ rig, ledger }: Ring, app: App): Promise<void> {
  const { store, config } = rig
  expectLast(ledger.names.get(app.id) ?? [], app.name, 'name')
  expectLast(ledger.branches.get(app.id) ?? [], app.deployBranch, 'branch')
  const route = await store.routes.get(app.id)
  expect(route).to.deep.include({ name: app.name, hosts: [config.appHost(app.name)] })
  expect(await store.operations.pending(app.id)).to.deep.equal([])

  const states = new Map<number, { config: Record<string, string>; commit: string | null }>()
  let now: { config: Record<string, string>; commit: string | null } = { config: {}, commit: null }
  let current = 1
  states.set(1, now)
  for (const operation of (await store.operations.list(app.id)).reverse()) {
    const { id, status, release } = operation
    const change = changeOf(operation)
    if (status !== 'succeeded' || release === null) continue
    expect(release, 'releases follow each other').to.be.greaterThan(current)
    if (change.kind === 'push') now = { ...now, commit: change.commit }
    if (change.kind === 'config') {
      const { set, unset } = ledger.configs.get(id) ?? { set: {}, unset: [] }
      const kept = Object.entries(now.config).filter(([name]) => !unset.includes(name))
      now = { ...now, config: { ...Object.fromEntries(kept), ...set } }
    }
    if (change.kind === 'rollback') now = states.get(change.version) ?? now
    states.set(release, now)
    current = release
    const { config, commit } = await store.releases.get(app.id, release)
    expect({ config, commit }, `v${String(release)}`).to.deep.equal(now)
  }
  expect(app.current, 'the last that went well').to.equal(current)
}

/** Clients change the same few apps at once over the API; nothing that was acknowledged may be lost. */
export async function contend(seed: number, rounds: number): Promise<void> {
  const chance = random(seed)
  const ledger: Ledger = { configs: new Map(), names: new Map(), branches: new Map() }
  await using rig = await openRig((at) => schedulerOf(at, chance.fork('scheduler')))
  const table = new Table(() => undefined)
  const { root } = rig.config
  const log = createLog('test', { level: 'silent' })
  const deps = { table, cache: new RouteCache(root), pages: new OwnPages(root), log }
  await using follower = new RouteFollower(rig.config, deps)
  follower.start()

  const client = async (number: number): Promise<void> => {
    const mine = chance.fork(`client ${String(number)}`)
    for (let round = 0; round < rounds; round += 1) {
      try {
        const operation = await mine.of(steps)({ rig, ledger, chance: mine })
        if (operation === null || mine.below(2) === 0) continue
        const lines = await rig.client.operations.log({ operation: operation.id, follow: 'true' })
        let next = await lines.next()
        while (next.done !== true) next = await lines.next()
      } catch (error) {
        if (!(error instanceof BerthError) || !refusal.test(error.message)) throw error
      }
    }
  }
  const over = new AbortController()
  const watch = async (): Promise<void> => {
    while (!over.signal.aborted) await checkMoment(rig.store)
  }
  const watching = watch()
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number))).finally(() => over.abort())
  await watching

  while (
    (await Promise.all((await rig.store.apps.list()).map(({ id }) => rig.store.operations.pending(id)))).flat().length >
    0
  )
    await delay(10)
  await checkMoment(rig.store)
  const apps = await rig.store.apps.list()
  for (const app of apps) await checkApp({ rig, ledger, chance }, app)
  const owners = await rig.store.redis.hgetall('routes:hosts')
  expect(owners).to.deep.equal(Object.fromEntries(apps.map(({ id, name }) => [rig.config.appHost(name), id])))
  for (const [key, count] of [
    ['apps:names', apps.length],
    ['routes', apps.length],
    ['routes:version', apps.length],
  ] as const)
    expect(await rig.store.redis.hlen(key), key).to.equal(count)
  const shown = (): string[] => names.map((name) => table.find(rig.config.appHost(name))?.name ?? '')
  const wanted = names.map((name) => (apps.some((app) => app.name === name) ? name : ''))
  while (shown().join() !== wanted.join()) await delay(10) // the router hears of it in its own time
}
