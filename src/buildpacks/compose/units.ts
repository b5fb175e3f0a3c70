const seconds: Readonly<Record<string, number>> = { us: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 }
const bytes: Readonly<Record<string, number>> = { '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }

/** `1m30s`, `500ms` in seconds; null for what is no duration. A number alone is nanoseconds, as Compose has it. */
export function secondsOf(text: string): number | null {
  if (/^\d{1,18}$/.test(text)) return Number(text) / 1e9
  if (text.length > 40 || !/^(?:\d+(?:\.\d+)?(?:us|ms|s|m|h))+$/.test(text)) return null
  let sum = 0
  for (const [, amount = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(us|ms|s|m|h)/g))
    sum += Number(amount) * (seconds[unit] ?? 0)
  return sum
}

/** `512m`, `1.5GB` in bytes; null for what is no amount. */
export function bytesOf(text: string): number | null {
  const [, amount = '', unit = ''] = /^(\d{1,15}(?:\.\d{1,6})?)\s*([bkmgt]?)(?:i?b)?$/i.exec(text.trim()) ?? []
  return amount === '' ? null : Math.round(Number(amount) * (bytes[unit.toLowerCase()] ?? 1))
}
