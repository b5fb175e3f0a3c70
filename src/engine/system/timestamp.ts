import { EngineError } from '../errors.js'

const unit: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/**
 * Reads a point in time as Docker's API takes them: seconds of the epoch with or without a fraction, a date, or a Go
 * duration (`1h30m`) before now.
 * @returns milliseconds of the epoch
 * @throws EngineError `invalid`
 */
export function parseTimestamp(text: string, now = Date.now()): number {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  if (/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) {
    let ago = 0
    for (const [, amount = '', name = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g))
      ago += Number(amount) * (unit[name] ?? 0)
    return now - ago
  }
  const date = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : NaN
  if (Number.isNaN(date)) throw new EngineError('invalid', `failed to parse value as time or duration: "${text}"`)
  return date
}
