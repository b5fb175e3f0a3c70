import { execFile } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { promisify } from 'node:util'
import { EngineError, messageOf } from '../errors.js'
import type { Container, ContainerDeps } from './container.js'
import { translateUsers } from './top-users.js'

/** Runs ps(1) on the host and keeps the rows of a container. @throws EngineError `conflict` when it does not run */
export async function top(
  deps: ContainerDeps,
  container: Container,
  args: string,
): Promise<{ Titles: string[]; Processes: string[][] }> {
  if (!container.up) throw new EngineError('conflict', `container ${container.id} is not running`)
  const words = args.split(/\s+/).filter(Boolean)
  if (words.some((word) => !/^-?[\w,=:+%-]+$/.test(word)))
    throw new EngineError('invalid', `invalid ps arguments: ${args}`)
  const everything = await ps(words).catch((error: unknown) => {
    throw new EngineError('broken', `error running ps: ${messageOf(error)}`)
  })
  const [head = '', ...rows] = everything
  const Titles = head.trim().split(/\s+/)
  const pidColumn = Titles.indexOf('PID')
  if (pidColumn < 0) throw new EngineError('invalid', "Couldn't find PID field in ps output")
  const pids = container
    .cgroup(deps)
    .pids()
    .filter((pid) => !container.runtimes.has(pid) && !leftOver(container, pid))
  const own = new Set(pids)
  // by itself ps shows some users' processes only; options that choose others are not to be had together with -q
  const named = await ps([`-q${pids.join(',')}`, ...words]).catch(() => everything)
  const split = (row: string): string[] => {
    const all = row.trim().split(/\s+/)
    return [...all.slice(0, Titles.length - 1), all.slice(Titles.length - 1).join(' ')]
  }
  const Processes = named
    .slice(1)
    .map(split)
    .filter((row) => own.has(Number(row[pidColumn])))
  return { Titles, Processes: translateUsers(Titles, rows.map(split), Processes, pidColumn) }
}

/** Whether it is a runtime of an engine that is gone: those are in the container's groups, and not in its pid namespace. */
function leftOver({ run }: Container, pid: number): boolean {
  const namespace = (of: string): string => readlinkSync(`/proc/${of}/ns/pid`)
  try {
    return run.pidMode !== 'host' && namespace(String(pid)) === namespace('self')
  } catch {
    return false // it has just ended
  }
}

/** The lines of ps(1) on the host. */
async function ps(args: readonly string[]): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', [...args])
  return stdout.split('\n').filter(Boolean)
}
