import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { BerthError } from '../errors.js'

/** A process named so that a later one with the same number is not mistaken for it. */
export interface Pid {
  readonly pid: number
  /** Field 22 of proc_pid_stat(5): clock ticks since boot. */
  readonly started: string
}

function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? null : (fields[19] ?? null)
  } catch {
    return null
  }
}

export const isAlive = (process: Pid): boolean => startOf(process.pid) === process.started

export const identify = (pid: number): Pid => ({ pid, started: startOf(pid) ?? '' })

/** What a process may take to go after SIGKILL: the kernel tears down what it holds. Milliseconds. */
const killMs = 20_000

/**
 * Sends a signal to a process that may be gone.
 * @throws BerthError `denied` when it is another user's
 */
export function signalProcess(target: Pid, name: NodeJS.Signals): void {
  try {
    if (isAlive(target)) process.kill(target.pid, name)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ESRCH') return // it went away between the look and the signal
    if (code === 'EPERM') throw new BerthError('denied', `process ${target.pid} is another user's`, 'run it with sudo')
    throw error
  }
}

/**
 * Resolves when a process that is not our child is gone, or a signal aborts. pidfd_open(2) has no binding in Node, and only
 * a parent is told of an exit: looking is all there is.
 */
export async function gone(target: Pid, aborted?: AbortSignal): Promise<void> {
  while (isAlive(target) && aborted?.aborted !== true) await sleep(20)
}

/**
 * Ends a process that is not our child: a signal, SIGKILL after `graceMs`. Resolves when it is gone.
 * @throws BerthError `denied` when it is another user's, `broken` when the kernel does not let it go
 */
export async function endProcess(target: Pid, graceMs: number, name: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  signalProcess(target, name)
  const late = AbortSignal.timeout(graceMs)
  await gone(target, late)
  if (!isAlive(target)) return
  signalProcess(target, 'SIGKILL')
  await gone(target, AbortSignal.timeout(killMs))
  if (isAlive(target))
    throw new BerthError(
      'broken',
      `process ${target.pid} does not end, killed as it is`,
      'a disk may hang: see `dmesg`',
    )
}

/** The processes of one instance by name, kept in `<run>/pids.json` so that the next supervisor knows its forebear's. */
export class Pids {
  readonly #file: string
  #all: Record<string, Pid>
  constructor(file: string) {
    this.#file = file
    this.#all = {}
    try {
      this.#all = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Pid>
    } catch {
      // none yet, or none left after a reboot
    }
  }

  /** Those that are running now. */
  alive(): Record<string, Pid> {
    return Object.fromEntries(Object.entries(this.#all).filter(([, pid]) => isAlive(pid)))
  }

  set(name: string, pid: number): void {
    this.replace({ ...this.#all, [name]: identify(pid) })
  }

  delete(name: string): void {
    this.replace(Object.fromEntries(Object.entries(this.#all).filter(([other]) => other !== name)))
  }

  replace(all: Readonly<Record<string, Pid>>): void {
    this.#all = { ...all }
    writeFileSync(`${this.#file}.new`, JSON.stringify(this.#all))
    renameSync(`${this.#file}.new`, this.#file)
  }
}
