import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { EngineError, messageOf } from '../errors.js'
import type { Container, Shop } from './container.js'
import { translateUsers } from './top-users.js'

/** Runs ps(1) on the host and keeps the rows of a container. @throws EngineError `conflict` when it does not run */
export async function top(
  shop: Shop,
  container: Container,
  args: string,
): Promise<{ Titles: string[]; Processes: string[][] }> {
  if (!container.up) throw new EngineError('conflict', `container ${container.id} is not running`)
  const words = args.split(/\s+/).filter(Boolean)
  if (words.some((word) => !/^-?[\w,=:+%-]+$/.test(word)))
    throw new EngineError('invalid', `invalid ps arguments: ${args}`)
  const { stdout } = await promisify(execFile)('ps', words).catch((error: unknown) => {
    throw new EngineError('broken', `error running ps: ${messageOf(error)}`)
  })
  const [head = '', ...rows] = stdout.split('\n').filter(Boolean)
  const Titles = head.trim().split(/\s+/)
  const pidColumn = Titles.indexOf('PID')
  if (pidColumn < 0) throw new EngineError('invalid', "Couldn't find PID field in ps output")
  const own = new Set(container.cgroup(shop).pids())
  const cells = rows.map((row) => {
    const all = row.trim().split(/\s+/)
    return [...all.slice(0, Titles.length - 1), all.slice(Titles.length - 1).join(' ')]
  })
  const Processes = cells.filter((row) => own.has(Number(row[pidColumn])))
  return { Titles, Processes: translateUsers(Titles, cells, Processes, pidColumn) }
}
