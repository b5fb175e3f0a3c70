import type { Digest } from '../records.js'

/** One line of a pull's or push's progress, as the Docker API has it. */
export interface StatusLine {
  readonly status?: string
  /** Text as it is, of loads. */
  readonly stream?: string
  readonly id?: string
  readonly progressDetail?: { readonly current?: number; readonly total?: number }
  readonly progress?: string
  readonly aux?: object
}

/** Takes lines as they come. */
export type Tell = (line: StatusLine) => Promise<void> | void

export const shortId = (digest: Digest): string => digest.slice('sha256:'.length, 'sha256:'.length + 12)

/** Says what becomes of one blob. */
export const teller =
  (tell: Tell, id: string) =>
  (status: string): Promise<void> | void =>
    tell({ status, progressDetail: {}, id })

/** Says how far a transfer is, at most ten times a second. */
export function meter(tell: Tell, id: string, status: string, total: number): (current: number) => void {
  let last = 0
  return (current) => {
    const now = Date.now()
    if (now - last < 100 && current < total) return
    last = now
    void tell({ status, progressDetail: { current, total }, progress: bar(current, total), id })
  }
}

function bar(current: number, total: number): string {
  const done = total > 0 ? Math.min(50, Math.floor((current / total) * 50)) : 50
  const line = done < 50 ? `${'='.repeat(done)}>${' '.repeat(50 - done)}` : '='.repeat(50)
  return `[${line}]  ${amount(current)}/${amount(total)}`
}

function amount(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${String(Number(value.toPrecision(4)))}${units[unit] ?? ''}`
}
