import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

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

/** Ends a process that is not our child: SIGTERM, SIGKILL after `graceMs`. Resolves when it is gone. */
export async function end(target: Pid, graceMs: number): Promise<void> {
  const signal = (name: NodeJS.Signals): void => {
    try {
      if (isAlive(target)) process.kill(target.pid, name)
    } catch {
      // it went away between the look and the signal
    }
  }
  signal('SIGTERM')
  const deadline = Date.now() + graceMs
  // pidfd_open(2) has no binding in Node and only a parent is told of an exit: looking is all there is
  while (isAlive(target)) {
    if (Date.now() > deadline) signal('SIGKILL')
    await sleep(20)
  }
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
    this.#all = { ...this.#all, [name]: identify(pid) }
    writeFileSync(`${this.#file}.new`, JSON.stringify(this.#all))
    renameSync(`${this.#file}.new`, this.#file)
  }
}
