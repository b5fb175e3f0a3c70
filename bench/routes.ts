/**
 * So many apps, each with three domains and a certificate, by the router alone and with HAProxy before it: how long a switch of a route takes,
 * from the store until it is applied and until a request is answered by it, beside the same with one app; and memory.
 * `npm run bench:routes [-- [apps] [switches]]`
 */
import { startRouter, ask, type RouterUnderTest } from '../test/router/plane-rig.js'
import { saying } from '../test/router/parts.js'
import { certificate } from '../test/router/secure-rig.js'
import { median, table } from './figures.js'
import { loadAverage, memoryOf } from './proxies.js'
import { parents } from './processes.js'

const [apps = 1000, switches = 50] = process.argv.slice(2).map(Number)

/** ms until each switch is applied, and until a request is answered by it. */
async function switchRoutes(front: RouterUnderTest): Promise<readonly [applied: number, answered: number]> {
  await using one = await saying('one')
  await using two = await saying('two')
  const applied: number[] = []
  const answered: number[] = []
  for (let i = 0; i < switches; i++) {
    const next = i % 2 === 0 ? one : two
    const began = performance.now()
    await front.route('switched', [next.target()])
    applied.push(performance.now() - began)
    while ((await ask(front, 'switched.test')).body !== (i % 2 === 0 ? 'one' : 'two'));
    answered.push(performance.now() - began)
  }
  return [median(applied), median(answered)]
}

/** Many apps with one process. */
async function fill(front: RouterUnderTest): Promise<void> {
  const target = { id: 'c1', process: 'web.1', host: '127.0.0.1', port: 9 }
  for (let i = 0; i < apps; i++) {
    const hosts = [`app${i}.test`, `app${i}.example`, `www.app${i}.example`]
    const redis = front.store.redis
    await redis.multi().hset('apps:names', `app${i}`, `id-app${i}`).hset('apps', `id-app${i}`, '{}').exec()
    const route = { name: `app${i}`, hosts, targets: [{ ...target, id: `c${i}` }] }
    await front.store.routes.change(`id-app${i}`, () => Promise.resolve(route))
    await front.store.certificates.put(
      certificate(`cert${i}`, [`app${i}.example`, `www.app${i}.example`], `id-app${i}`),
    )
  }
  await front.route('last', [{ ...target, id: 'last' }])
}

const pidsOf = (front: RouterUnderTest): number[] => {
  const own = ['router', 'plane'].map((name) => front.pid(name)).filter((pid) => pid > 0)
  return [...own, ...[...parents()].flatMap(([child, of]) => (of === front.pid('plane') && of > 0 ? [child] : []))]
}

const rows: (readonly (string | number)[])[] = [
  ['', 'one app: applied ms', 'answered ms', `${apps} apps: applied ms`, 'answered ms', 'MiB of PSS'],
]
for (const plane of ['node', 'haproxy']) {
  await using front = await startRouter(plane, 'built')
  const few = await switchRoutes(front)
  await fill(front)
  const many = await switchRoutes(front)
  rows.push([plane, ...few, ...many, memoryOf(pidsOf(front)) / 1024])
}
console.log(`medians of ${switches} switches, ${loadAverage()}`)
console.log(table(rows))
process.exit() // Redis clients of the rig
