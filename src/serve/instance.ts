import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.js'
import { home } from './paths.js'
import { redisArgs } from './redis.js'

/** What the supervisor is called among an instance's processes. */
export const supervisorName = 'serve'

export const pidsFile = (config: Config): string => join(config.run, 'pids.json')
export const logDir = (config: Config): string => join(config.root, 'log')
/** Held by the supervisor as long as it lives. */
export const lockFile = (config: Config): string => join(config.run, 'serve.lock')

/** What an instance runs, and with which settings. */
export interface RunningInstance {
  /** The supervisor. */
  readonly pid: number
  /** Identifies the build; see bin/install. */
  readonly build: string
  /** The checkout it was started from. */
  readonly home: string
  /** Node.js and its version. */
  readonly node: string
  /** `Config.env` */
  readonly settings: Readonly<Record<string, string>>
  /** Arguments of its Redis. */
  readonly redis: string
}

/** The record of the build in `dist`; empty for one that bin/install did not make. */
const buildId = (): string => {
  try {
    return readFileSync(join(home, 'dist/.id'), 'utf8').trim()
  } catch {
    return ''
  }
}

/** What an instance that is started here and now would run. */
export const runnable = (config: Config): Omit<RunningInstance, 'pid'> => ({
  build: buildId(),
  home,
  node: `${process.execPath} ${process.version}`,
  settings: config.env,
  redis: redisArgs(config).join(' '),
})

const runningFile = (run: string): string => join(run, 'running.json')

/** Says what runs from now on. It stays until `berth down --all`: until then the apps do. */
export function tellRunning(config: Config, running: RunningInstance): void {
  const file = runningFile(config.run)
  writeFileSync(`${file}.new`, JSON.stringify(running), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** What the instance of a run directory runs, or ran when its supervisor ended; null when nothing of one is there. */
export function readRunning(run: string): RunningInstance | null {
  try {
    return JSON.parse(readFileSync(runningFile(run), 'utf8')) as RunningInstance
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Nothing of the instance is left in the kernel. */
export function forgetRunning(config: Config): void {
  for (const file of [runningFile(config.run), pidsFile(config)]) rmSync(file, { force: true })
}
