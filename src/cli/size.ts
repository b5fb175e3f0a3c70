import { UsageError } from './failure.js'

const units = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 } as const

/** `512M`, `1G`, `1.5G`, or bytes. @throws UsageError */
export const parseMemory = (text: string): number => parseBytes(text, 'memory')

/** The same of something else. @throws UsageError */
export function parseBytes(text: string, what: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?$/i.exec(text) ?? []
  if (number === '') throw new UsageError(`"${text}" is not an amount of ${what}`, 'write it as 512M or 1G')
  const bytes = Math.round(Number(number) * units[unit.toUpperCase() as keyof typeof units])
  if (!Number.isSafeInteger(bytes)) throw new UsageError(`${text.slice(0, 40)} is more ${what} than any server has`)
  return bytes
}

/** Bytes as `512M` or `1G`, when they are whole ones. */
export function formatMemory(bytes: number): string {
  for (const unit of ['T', 'G', 'M', 'K'] as const)
    if (bytes >= units[unit] && bytes % units[unit] === 0) return `${bytes / units[unit]}${unit}`
  return String(bytes)
}
