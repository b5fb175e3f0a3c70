import { stripVTControlCharacters } from 'node:util'
import { harmless } from '../lib/terminal.js'

/** What a terminal gets is harmless, whoever wrote it; what a program reads is as it is. */
const shown = (stream: NodeJS.WriteStream, text: string): string => (stream.isTTY ? harmless(text) : text)

/** Data: what a program would want to read. */
export const print = (text: string): void => void process.stdout.write(`${shown(process.stdout, text)}\n`)

/** Progress and remarks: for a person, and out of a program's way. */
export const say = (text: string): void => void process.stderr.write(`${shown(process.stderr, text)}\n`)

export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2))

/** `=== blog Config Vars` */
export const heading = (text: string): string => `=== ${text}\n`

const width = (text: string): number => Array.from(stripVTControlCharacters(text)).length

/** Columns as wide as their widest cell, two spaces apart, without borders. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, width(cell))))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - width(cell)))
      .join('  ')
      .trimEnd()
  return rows.map(line).join('\n')
}

/** `Key:  value` lines, values beneath each other. */
export const fields = (pairs: readonly (readonly [string, string])[]): string =>
  table(pairs.map(([key, value]) => [`${key}:`, value]))

/** `2026-11-24 04:08:34`, local time. */
export function formatTime(rfc3339: string): string {
  const time = new Date(rfc3339)
  if (Number.isNaN(time.getTime())) return rfc3339
  const two = (n: number): string => String(n).padStart(2, '0')
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`
}

/** `~ 2m ago` */
export function formatAgo(rfc3339: string, now = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - new Date(rfc3339).getTime()) / 1000))
  if (Number.isNaN(seconds)) return ''
  const [unit, size]: [string, number] =
    seconds < 60 ? ['s', 1] : seconds < 3600 ? ['m', 60] : seconds < 86_400 ? ['h', 3600] : ['d', 86_400]
  return `~ ${Math.floor(seconds / size)}${unit} ago`
}
