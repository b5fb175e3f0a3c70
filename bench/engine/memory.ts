import { readdirSync, readFileSync } from 'node:fs'

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return '' // the process ended
  }
}

/**
 * Proportional set size, in MiB, of an engine and all that it started: the processes whose command names `dir`, where
 * everything of it lies, and their descendants (shims, proxies, monitors, containers).
 */
export function memoryOf(dir: string): number {
  const parents = new Map<number, number>()
  const members = new Set<number>()
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const pid = Number(name)
    parents.set(pid, Number(/^PPid:\s+(\d+)/m.exec(read(`/proc/${name}/status`))?.[1] ?? 0))
    if (pid !== process.pid && read(`/proc/${name}/cmdline`).includes(dir)) members.add(pid)
  }
  const belongs = (pid: number): boolean => pid > 1 && (members.has(pid) || belongs(parents.get(pid) ?? 0))
  const kilobytes = [...parents.keys()]
    .filter(belongs)
    .map((pid) => Number(/^Pss:\s+(\d+) kB/m.exec(read(`/proc/${String(pid)}/smaps_rollup`))?.[1] ?? 0))
  return kilobytes.reduce((sum, each) => sum + each, 0) / 1024
}
