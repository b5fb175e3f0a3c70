import { readdirSync, readFileSync } from 'node:fs'

/** A file of /proc, '' when its process has ended. */
export const readProc = (path: string): string => {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch {
    return ''
  }
}

/** kB of a field of proc_pid_smaps_rollup(5): `Pss`, `Private_Dirty`. */
export const memoryField = (pid: number, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readProc(`${String(pid)}/smaps_rollup`))?.[1] ?? 0)

/** The parent of each process there is. */
export const parents = (): ReadonlyMap<number, number> =>
  new Map(
    readdirSync('/proc').flatMap((entry): [number, number][] => {
      const parent = /^\d+$/.test(entry) && /^PPid:\s+(\d+)/m.exec(readProc(`${entry}/status`))?.[1]
      return parent ? [[Number(entry), Number(parent)]] : []
    }),
  )
