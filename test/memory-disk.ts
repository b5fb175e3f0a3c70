import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A tmpfs of Linux, statfs(2). */
const tmpfs = 0x01021994
/** Bytes; far more than the unit tests have at once. */
const room = 1 << 30

const memory = '/dev/shm'

/** Where a directory takes blocks and files outlive the memory: the temporary directory that this was started with. */
export const disk = (process.env.BERTH_TEST_DISK ??= tmpdir())

/** Temporary files of the unit tests are in memory: they make and remove so many that a disk takes ten seconds for it. */
function useMemory(): string | undefined {
  if (process.env.MOCHA_WORKER_ID !== undefined || !existsSync(memory)) return undefined // a worker has it from its parent
  const { type, bavail, bsize } = statfsSync(memory)
  if (type !== tmpfs || bavail * bsize < room) return undefined
  for (const name of readdirSync(memory)) {
    const [, pid] = /^berth-unit-(\d+)-/.exec(name) ?? []
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(memory, name), { recursive: true }) // it was killed
  }
  const dir = mkdtempSync(join(memory, `berth-unit-${String(process.pid)}-`))
  chmodSync(dir, 0o1777) // some tests run programs as other accounts
  return dir
}

const dir = useMemory()
if (dir !== undefined) process.env.TMPDIR = dir

/** Mocha's, when all tests are over. */
export const mochaGlobalTeardown = (): void => {
  if (dir !== undefined) rmSync(dir, { recursive: true, force: true })
}
