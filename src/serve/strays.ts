import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseProcfile } from '../buildpacks/procfile.js'
import type { Config } from '../config.js'
import { home } from './paths.js'
import { identify, type Pid } from './pids.js'
import { planeName } from './plane.js'

/**
 * The instance's processes that no record names, as `router.123`: their supervisor was killed after it had started one and
 * before it wrote that down. Beside one that is started anew they would do everything twice, and two Redis spoil what is
 * on disk.
 */
export function findStrays(config: Config, recorded: Readonly<Record<string, Pid>>): Record<string, Pid> {
  const known = new Set(Object.values(recorded).map(({ pid }) => pid))
  const lines = Object.entries(parseProcfile(readFileSync(join(home, 'Procfile'), 'utf8')))
  const scripts = lines.map(([name, line]) => [name, line.split(' ').at(-1) ?? ''] as const)
  const strays = readdirSync('/proc').flatMap((entry): [string, Pid][] => {
    const pid = Number(entry)
    if (!Number.isInteger(pid) || known.has(pid)) return []
    const name = nameOf(config, pid, scripts)
    return name === undefined ? [] : [[`${name}.${entry}`, identify(pid)]]
  })
  return Object.fromEntries(strays)
}

/** Which of the instance's processes this is, by what it was started with. */
function nameOf(config: Config, pid: number, scripts: readonly (readonly [string, string])[]): string | undefined {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    if (isRedis(config, words)) return 'redis'
    if (isPlane(config, words)) return isItsWorker(pid, words) ? undefined : planeName
    const last = words.findLast((word) => word !== '') ?? ''
    const [name] = scripts.find(([, script]) => last === script || last.endsWith(`/${script}`)) ?? []
    if (name === undefined) return undefined
    const env = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    return env.includes('BERTH_SUPERVISED=1') && env.includes(`BERTH_RUN=${config.run}`) ? name : undefined
  } catch {
    return undefined // it has ended, or we may not look
  }
}

/** A data plane's program is told of the router's own directory. */
const isPlane = ({ frontSocket }: Config, [, ...args]: readonly string[]): boolean =>
  args.some((word) => word.startsWith(`${dirname(frontSocket)}/`))

/** Its master ends it. */
function isItsWorker(pid: number, words: readonly string[]): boolean {
  const [, parent = ''] = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return readFileSync(`/proc/${parent}/cmdline`, 'utf8') === words.join('\0')
}

/** Redis makes a title of its command line, and overwrites its environment with it. */
const isRedis = ({ redisSocket }: Config, [program = '', ...args]: readonly string[]): boolean =>
  program.startsWith('redis-server') && (program.includes(`unixsocket:${redisSocket}`) || args.includes(redisSocket))
