/**
 * Throughput of backups and restores of PostgreSQL, beside the same dump piped into zstd and back from it.
 * `npm run bench:backups [-- --mebibytes 200]`: so much of a table, half of which is of random text. Times are of the commands, with all that
 * they do beside: a backup reads again what it saved, a restore makes a service and reads every row.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import type { BackupView } from '../src/api/contract.js'
import { connectEngine } from '../src/engine-client/client.js'
import { createLog } from '../src/log.js'
import { ServicePlugins } from '../src/plugins/services.js'
import { runIn } from '../src/services/command.js'
import { dumpService, restoreService } from '../src/services/dump.js'
import { serverOf } from '../src/services/server.js'
import { openStore } from '../src/store/store.js'
import { startInstance } from '../test/e2e/instance.js'
import { table } from './figures.js'

const { values } = parseArgs({ options: { mebibytes: { type: 'string', default: '200' } } })
const rows = Number(values.mebibytes) * 4096

await using berth = await startInstance()
await using store = await openStore(berth.config)
const plugins = new ServicePlugins({ config: berth.config, store, log: createLog('bench') })
const deps = { config: berth.config, store, engine: connectEngine(berth.config), plugins }
const { signal } = new AbortController()
const long = { timeoutMs: 1_200_000 }

const command = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await berth.berth(args, long)
  if (code !== 0) throw new Error(`berth ${args.join(' ')}: ${stderr}`)
  return stdout
}
const timed = async (task: () => Promise<unknown>): Promise<number> => {
  const began = performance.now()
  await task()
  return (performance.now() - began) / 1000
}
const zstd = (...args: string[]) => spawn('zstd', ['-q', '-c', ...args], { stdio: ['pipe', 'pipe', 'inherit'] })

for (const name of ['db', 'plain']) await command('services:create', 'postgres', name)
const server = await serverOf(deps, await store.services.get('db'))
// 256 bytes a row, in parts that a command's time is enough for
for (let at = 0; at < rows; at += 100_000) {
  const last = Math.min(at + 99_999, rows - 1)
  const sql = `create table if not exists t (n bigint, same text, noise text);
insert into t select n, repeat('same ', 24), md5(random()::text) || md5(random()::text) || md5(random()::text) || md5(random()::text)
from generate_series(${at}, ${last}) n`
  await runIn(
    deps.engine,
    server?.Id ?? '',
    { words: ['psql', '-q', '--host=/tmp', '--dbname=main'], input: sql },
    'rows',
  )
}

const file = join(berth.dir, 'dump.zst')
const plainDump = await timed(async () => {
  const child = zstd()
  const written = pipeline(child.stdout, createWriteStream(file))
  await dumpService(deps, await store.services.get('db'), child.stdin, signal)
  child.stdin.end()
  await Promise.all([written, once(child, 'exit')])
})
const plainRestore = await timed(async () => {
  const child = zstd('-d')
  const read = pipeline(createReadStream(file), child.stdin)
  await restoreService(deps, await store.services.get('plain'), child.stdout, signal)
  await read
})
let made: BackupView | undefined
const first = await timed(
  async () => (made = JSON.parse(await command('backups:create', 'db', '--json')) as BackupView),
)
const second = await timed(() => command('backups:create', 'db'))
const restore = await timed(() => command('backups:restore', made?.id ?? '', '--to', 'restored'))

const mebibytes = (made?.bytes ?? 0) / 2 ** 20
const row = (what: string, seconds: number): string[] => [
  what,
  `${seconds.toFixed(1)} s`,
  `${(mebibytes / seconds).toFixed(1)} MiB/s`,
]
console.log(
  table([
    [`${mebibytes.toFixed(0)} MiB of dump`, 'takes', 'throughput'],
    row('pg_dump | zstd', plainDump),
    row('backups:create, the first', first),
    row('backups:create, of what has not changed', second),
    row('zstd -d | pg_restore', plainRestore),
    row('backups:restore --to, with check', restore),
  ]),
)
console.log(
  `load ${loadavg()
    .map((one) => one.toFixed(1))
    .join(' ')}`,
)
