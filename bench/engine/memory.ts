import { memoryField, parents, readProc } from '../processes.js'

/**
 * Proportional set size, in MiB, of an engine and all that it started: the processes whose command names `dir`, where
 * everything of it lies, and their descendants (shims, proxies, monitors, containers).
 */
export function memoryOf(dir: string): number {
  const family = parents()
  const named = (pid: number): boolean => pid !== process.pid && readProc(`${String(pid)}/cmdline`).includes(dir)
  const belongs = (pid: number): boolean => pid > 1 && (named(pid) || belongs(family.get(pid) ?? 0))
  const kilobytes = [...family.keys()].filter(belongs).map((pid) => memoryField(pid, 'Pss'))
  return kilobytes.reduce((sum, each) => sum + each, 0) / 1024
}
