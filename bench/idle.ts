/**
 * What the running platform takes of memory: the proportional set size of each of its processes and their descendants,
 * containers not counted. `npm run bench:idle`, as root; BERTH_ROOT and BERTH_RUN name the instance.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { loadConfig } from '../src/config.js'
import { pidsFile } from '../src/serve/supervisor.js'
import { Pids } from '../src/serve/pids.js'
import { table } from './figures.js'

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return '' // the process ended
  }
}
/** kB, proc_pid_smaps_rollup. */
const field = (pid: number, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0)

const parents = new Map<number, number>()
for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
  const parent = /^PPid:\s+(\d+)/m.exec(read(`/proc/${entry}/status`))?.[1]
  if (parent !== undefined) parents.set(Number(entry), Number(parent))
}
const childrenOf = (pid: number): number[] => [...parents].flatMap(([child, parent]) => (parent === pid ? [child] : []))

const named = new Pids(pidsFile(loadConfig())).alive()
const owners = new Set(Object.values(named).map(({ pid }) => pid))
if (owners.size === 0) throw new Error('no Berth is running; `bin/up` starts one')

const rows: (string | number)[][] = []
let total = 0
function add(name: string, pid: number): void {
  const pss = field(pid, 'Pss')
  total += pss
  rows.push([name, String(pid), pss / 1024, (field(pid, 'Private_Dirty') + field(pid, 'Private_Clean')) / 1024])
  for (const child of childrenOf(pid))
    if (!owners.has(child)) add(`  ${read(`/proc/${child}/comm`).trim()} (${name.trim()})`, child)
}
for (const [name, { pid }] of Object.entries(named)) add(name, pid)
console.log(table([['MiB', 'pid', 'PSS', 'private'], ...rows, ['all', '', total / 1024, '']]))
const limit = 200
console.log(total / 1024 <= limit ? `within ${limit} MiB` : `MORE than ${limit} MiB`)
