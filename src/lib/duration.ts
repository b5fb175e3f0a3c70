const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const words = { s: 'second', m: 'minute', h: 'hour', d: 'day' } as const

/** What a duration looks like: a whole number and s, m, h or d. */
export const durationPattern = /^[1-9]\d{0,5}[smhd]$/

/** `90s`, `30m`, `24h`, `30d` in milliseconds; null for anything else. */
export function parseDuration(text: string): number | null {
  if (!durationPattern.test(text)) return null
  return Number(text.slice(0, -1)) * units[text.at(-1) as keyof typeof units]
}

/** `30 minutes`, in the largest unit that makes it a whole number. */
export function formatDuration(ms: number): string {
  for (const unit of ['d', 'h', 'm'] as const)
    if (ms >= units[unit] && ms % units[unit] === 0) return counted(ms / units[unit], words[unit])
  return counted(Math.ceil(ms / units.s), words.s)
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
