import { existsSync, linkSync, renameSync, rmSync, statSync, watch } from 'node:fs'
import { type FileHandle, link, open } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { codeOf, EngineError, messageOf } from '../errors.js'
import type { LogTarget } from '../runtime/conmon.js'
import type { HostConfig } from './record.js'

const units: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }
const defaults = { maxSize: 10 * 1024 ** 2, maxFile: 3 }

/** Docker's `max-size` and `max-file`; 10 MiB and 3 unless said. @throws EngineError `invalid` */
export function logLimits(host: HostConfig): { maxSize: number; maxFile: number } {
  const { 'max-size': size, 'max-file': files } = host.LogConfig.Config
  const [, amount = '', unit = ''] = /^(\d+)([kmg]?)b?$/i.exec(size ?? '') ?? []
  if (size !== undefined && size !== '-1' && amount === '')
    throw new EngineError('invalid', `invalid value for max-size: ${size}`)
  const count = files === undefined ? defaults.maxFile : Number(files)
  if (!Number.isInteger(count) || count < 1)
    throw new EngineError('invalid', `invalid value for max-file: ${String(files)}`)
  const maxSize = Number(amount) * (units[unit.toLowerCase()] ?? 1)
  return { maxSize: size === undefined ? defaults.maxSize : maxSize, maxFile: count }
}

/** Where conmon is to log, undefined for `--log-driver none`. */
export function logTarget(host: HostConfig, path: string): LogTarget | undefined {
  return host.LogConfig.Type === 'none' ? undefined : { path, maxSize: logLimits(host).maxSize }
}

/** The files of a log, newest first. */
export const logFiles = (path: string, maxFile: number): string[] =>
  Array.from({ length: maxFile }, (_, i) => (i === 0 ? path : `${path}.${i}`))

/** The second name of the newest file. */
export const fullName = (path: string): string => `${path}.full`

/** So much of the end of a log is read for records of lines that go on: more than the last of each stream takes. */
const lastBytes = 65_536

/** Ends the lines that the last run left in the middle: what the next one says is another line. */
async function endLines(file: FileHandle): Promise<void> {
  const { size } = await file.stat()
  if (size === 0) return
  const length = Math.min(size, lastBytes)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
  const going = new Map<string, string>()
  for (const line of buffer.toString('latin1', 0, bytesRead).split('\n')) {
    const [, time = '', stream = '', kind = ''] = /^(\S+) (stdout|stderr) ([FP])/.exec(line) ?? []
    if (kind === 'P') going.set(stream, time)
    else going.delete(stream)
  }
  for (const [stream, time] of going) await file.appendFile(`${time} ${stream} F \n`)
}

/**
 * Makes the log file and a second name for it. When the file is full conmon renames an empty one over it: the second
 * name is then the only one the full file has, and tells that it must be kept.
 */
export async function openLog(path: string): Promise<void> {
  const file = await open(path, 'a+', 0o600)
  await endLines(file).finally(() => file.close())
  await link(path, fullName(path)).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error
  })
}

/**
 * Moves a full file up the row `log.1`, `log.2`, … if conmon has started a new one. In one go: a program that writes fast
 * fills the next file in a few milliseconds, and what was full before it would have no name any more.
 */
function rotate(path: string, maxFile: number): void {
  const [current, kept] = [path, fullName(path)].map((file) => statSync(file, { throwIfNoEntry: false }))
  if (!current || !kept || current.ino === kept.ino) return
  let next = 1
  while (next < maxFile - 1 && existsSync(`${path}.${next}`)) next++
  for (let i = next; i > 1; i--) renameSync(`${path}.${i - 1}`, `${path}.${i}`)
  if (maxFile > 1) renameSync(fullName(path), `${path}.1`)
  else rmSync(fullName(path))
  linkSync(path, fullName(path))
}

/** Rotates the log whenever conmon starts a new file, also if it did while no engine ran, until the signal aborts. */
export function rotateOnFull(path: string, maxFile: number, signal: AbortSignal): void {
  const name = basename(path)
  const rotateNext = (): void => {
    try {
      rotate(path, maxFile)
    } catch (error) {
      // a container that is removed takes its log with it
      if (!signal.aborted && codeOf(error) !== 'ENOENT')
        console.error(`the log ${path} cannot be rotated: ${messageOf(error)}`)
    }
  }
  // each line written is a `change`; a new file under the name is a `rename`
  try {
    const watcher = watch(dirname(path), { signal, persistent: false }, (event, changed) => {
      if (event === 'rename' && changed === name) rotateNext()
    })
    watcher.on('error', () => watcher.close())
  } catch {
    return // the container is gone, or this host has no watches left: the log is one file then
  }
  rotateNext()
}
