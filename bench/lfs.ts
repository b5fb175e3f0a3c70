/**
 * What objects of Git LFS take of the memory of the process that serves them: one of a GB, then a thousand of a MB, each pushed and
 * fetched by git-lfs. `npm run bench:lfs [-- --large 1024 --small 1000]`: MB, and how many. It has a Redis and a git server of
 * its own, and wants five times the bytes on the disk of TMPDIR.
 */
import { spawn } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { loadConfig } from '../src/config.js'
import { openStore } from '../src/store/store.js'
import { gitEnv } from '../test/git/rig.js'
import { startRedis } from '../test/redis.js'
import { must } from '../test/run.js'
import { table } from './figures.js'
import { memoryField } from './processes.js'

const { values: asked } = parseArgs({
  options: { large: { type: 'string', default: '1024' }, small: { type: 'string', default: '1000' } },
})
const [large, small] = [Number(asked.large), Number(asked.small)]
/** MiB that the process may grow by, whatever the size of what goes through it. */
const limit = 96
const mebibyte = 1024 * 1024

const dir = await mkdtemp(join(tmpdir(), 'berth-bench-'))
const settings = { BERTH_ROOT: join(dir, 'root'), BERTH_RUN: join(dir, 'run'), BERTH_PUSH_TREE: '8192' }
const config = loadConfig(settings)
const redis = await startRedis(config)
const store = await openStore(config)
await mkdir(dirname(config.apiSocket), { recursive: true })
const token = (await store.tokens.create('bench')).reveal()

const reserved = createServer().listen(0, '127.0.0.1')
await once(reserved, 'listening')
const { port } = reserved.address() as AddressInfo
reserved.close()
const program = ['--import=./strip-types.js', 'test/git/api-child.ts']
const server = spawn(process.execPath, program, {
  env: { ...process.env, ...settings, PORT: String(port) },
  stdio: ['ignore', 'inherit', 'inherit'],
})
const pid = server.pid ?? 0
const url = `http://127.0.0.1:${String(port)}`
while (!(await fetch(url).catch(() => null))) await sleep(50)

/** The most that the server takes while a task goes on, in MiB, and how long that is, in seconds. */
async function peakDuring(task: () => Promise<unknown>): Promise<{ peak: number; seconds: number }> {
  let [peak, over] = [0, false]
  const began = performance.now()
  const watching = (async () => {
    while (!over) {
      await sleep(50)
      peak = Math.max(peak, memoryField(pid, 'Pss') / 1024)
    }
  })()
  await task()
  over = true
  await watching
  return { peak, seconds: (performance.now() - began) / 1000 }
}

const piece = Buffer.alloc(mebibyte)
async function writeRandom(path: string, mebibytes: number): Promise<void> {
  await using file = await open(path, 'w')
  for (let written = 0; written < mebibytes; written += 1) await file.write(randomFillSync(piece))
}

/** A working copy with so many files of so many MiB, and what pushing and fetching their objects takes. */
async function measure(name: string, count: number, mebibytes: number): Promise<(string | number)[][]> {
  await store.apps.create(name)
  const remote = `${url.replace('//', `//x:${token}@`)}/${name}.git`
  const [work, other] = [join(dir, name), join(dir, `${name}-clone`)]
  const git = (cwd: string, ...args: string[]): Promise<string> => must('git', args, { cwd, env: gitEnv })
  await mkdir(work)
  await git(work, 'init', '-q', '-b', 'main')
  await git(work, 'lfs', 'install', '--local')
  await writeFile(join(work, '.gitattributes'), '*.bin filter=lfs diff=lfs merge=lfs -text\n')
  for (let file = 0; file < count; file += 1) await writeRandom(join(work, `${String(file)}.bin`), mebibytes)
  await git(work, 'add', '--all')
  await git(work, 'commit', '-q', '-m', 'files')
  const before = memoryField(pid, 'Pss') / 1024
  const push = await peakDuring(() => git(work, 'lfs', 'push', '--all', remote))
  // what is cloned from here has none of the objects
  await must('git', ['clone', '-q', '--no-checkout', work, other], { cwd: dir, env: gitEnv })
  await git(other, 'lfs', 'install', '--local', '--skip-smudge')
  await git(other, 'remote', 'set-url', 'origin', remote)
  await git(other, 'config', 'lfs.url', `${remote}/info/lfs`)
  const fetched = await peakDuring(() => git(other, 'lfs', 'fetch', 'origin', 'main'))
  const got = (await git(other, 'lfs', 'fsck', '--objects', 'HEAD')).trim()
  console.error(`${name}: ${got}`)
  for (const path of [work, other]) await rm(path, { recursive: true })
  return [
    [`${name}, pushed`, push.peak - before, push.seconds],
    [`${name}, fetched`, fetched.peak - before, fetched.seconds],
  ]
}

try {
  // what the first requests load is not of their size
  await measure('first', 3, 1)
  const rows = [...(await measure('large', 1, large)), ...(await measure('small', small, 1))]
  console.log(table([[`1 × ${String(large)} MiB, ${String(small)} × 1 MiB`, 'MiB more', 's'], ...rows]))
  const most = Math.max(...rows.map(([, growth]) => Number(growth)))
  console.log(most <= limit ? `within ${String(limit)} MiB` : `MORE than ${String(limit)} MiB`)
  process.exitCode = most <= limit ? 0 : 1
} finally {
  server.kill('SIGKILL')
  await once(server, 'exit')
  await store[Symbol.asyncDispose]()
  await redis.kill()
  await rm(dir, { recursive: true, force: true })
}
