/**
 * What the running platform takes of memory: the proportional set size of each of its processes and their descendants,
 * containers not counted. `npm run bench:idle [-- --used [--pushes N] [--containers N] [--log MB]]`, as root; BERTH_ROOT and
 * BERTH_RUN name the instance. With `--used` it is used first, much, and then left alone for a minute and a quarter.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { loadConfig } from '../src/config.js'
import { pidsFile } from '../src/serve/instance.js'
import { Pids } from '../src/serve/pids.js'
import { table } from './figures.js'
import { memoryField, parents, readProc } from './processes.js'
import { use } from './used.js'

const count = (fallback: string) => ({ type: 'string', default: fallback }) as const
const { values: asked } = parseArgs({
  options: {
    used: { type: 'boolean', default: false },
    pushes: count('200'),
    containers: count('2000'),
    log: count('100'),
    rest: count('75'),
  },
})
if (asked.used) {
  const amounts = { pushes: Number(asked.pushes), containers: Number(asked.containers), log: Number(asked.log) }
  const since = Date.now()
  await use(amounts, (line) =>
    console.error(`${String(Math.round((Date.now() - since) / 1000)).padStart(5)} s  ${line}`),
  )
  await sleep(Number(asked.rest) * 1000)
}

const family = [...parents()]
const childrenOf = (pid: number): number[] => family.flatMap(([child, parent]) => (parent === pid ? [child] : []))

const named = new Pids(pidsFile(loadConfig())).alive()
const owners = new Set(Object.values(named).map(({ pid }) => pid))
if (owners.size === 0) throw new Error('no Berth is running; `bin/up` starts one')

const rows: (string | number)[][] = []
let total = 0
function add(name: string, pid: number): void {
  const pss = memoryField(pid, 'Pss')
  total += pss
  rows.push([
    name,
    String(pid),
    pss / 1024,
    (memoryField(pid, 'Private_Dirty') + memoryField(pid, 'Private_Clean')) / 1024,
  ])
  for (const child of childrenOf(pid))
    if (!owners.has(child)) add(`  ${readProc(`${child}/comm`).trim()} (${name.trim()})`, child)
}
for (const [name, { pid }] of Object.entries(named)) add(name, pid)
console.log(table([['MiB', 'pid', 'PSS', 'private'], ...rows, ['all', '', total / 1024, '']]))
const limit = 150
console.log(total / 1024 <= limit ? `within ${limit} MiB` : `MORE than ${limit} MiB`)
process.exit() // connections that a client keeps
