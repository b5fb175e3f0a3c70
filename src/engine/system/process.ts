import { readFileSync, statSync } from 'node:fs'

/** PF_EXITING of linux/sched.h: it closes its files and leaves its namespaces, and nothing that is asked of it succeeds. */
const exiting = 0x4

/** What proc_pid_stat(5) has from field 3, its state, on; nothing when it is gone. */
function statOf(pid: number): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
  }
}

/** The kernel's start time of a process in clock ticks since boot, '' when it is gone; proc_pid_stat(5) field 22. */
export function startTime(pid: number): string {
  const [state, ...rest] = statOf(pid)
  return state === 'Z' ? '' : (rest[18] ?? '')
}

/** A process is gone or on its way out, for a moment of which it still has a start time; proc_pid_stat(5) field 9. */
export function isEnding(pid: number): boolean {
  const [state, , , , , , flags = exiting] = statOf(pid)
  return state === undefined || state === 'Z' || (Number(flags) & exiting) !== 0
}

/** A process has a handler for a signal, or keeps it for later; proc_pid_status(5). What has ended hears nothing. */
export function hears(pid: number, signal: number): boolean {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const masks = [...status.matchAll(/^Sig(?:Blk|Cgt):\s*([0-9a-f]+)$/gm)].map(([, mask = '0']) => BigInt(`0x${mask}`))
    return masks.some((mask) => ((mask >> BigInt(signal - 1)) & 1n) === 1n)
  } catch {
    return false
  }
}

/** Which file a process runs, by device and inode; undefined when it is gone. */
export function programOf(pid: number): string | undefined {
  try {
    const { dev, ino } = statSync(`/proc/${pid}/exe`)
    return `${dev}:${ino}`
  } catch {
    return undefined
  }
}

/** Changes with each boot of the machine. */
export const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

/** Signals a process that may have just ended. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    if (pid > 0) process.kill(pid, name)
  } catch {
    // it has
  }
}
