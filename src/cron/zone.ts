/** Wall time and time of the epoch of one time zone. Both are milliseconds; wall time is written as if it were UTC. */
export interface Zone {
  readonly name: string
  /** What is added to a time to get the wall time. */
  offsetAt(time: number): number
}

const utc: Zone = { name: 'UTC', offsetAt: () => 0 }
const zones = new Map<string, Zone>()

/** A time zone of the IANA database, `Europe/Berlin`; null where there is none of that name. */
export function zoneOf(name: string): Zone | null {
  if (name === 'UTC') return utc
  const known = zones.get(name)
  if (known) return known
  if (!/^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+){0,2}$/.test(name)) return null
  try {
    const zone = open(name)
    zones.set(name, zone)
    return zone
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

/** @throws RangeError when there is none */
function open(name: string): Zone {
  const format = new Intl.DateTimeFormat('en-US-u-hc-h23', {
    ...{ timeZone: name, year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
  })
  return {
    name,
    offsetAt: (time) => {
      const seconds = Math.floor(time / 1000) * 1000
      const parts = new Map(format.formatToParts(seconds).map(({ type, value }) => [type, Number(value)]))
      const at = (part: Intl.DateTimeFormatPartTypes): number => parts.get(part) ?? 0
      const day = Date.UTC(at('year'), at('month') - 1, at('day'))
      return day + at('hour') * 3_600_000 + at('minute') * 60_000 + at('second') * 1000 - seconds
    },
  }
}

/** A clock is never put forward or back by more. */
const mostChange = 26 * 3_600_000

/**
 * The time at which the clock shows a wall time: the first of two, and where the clock is put over it, the moment at which it is.
 */
export function timeOf(zone: Zone, wall: number): number {
  const [before, after] = [zone.offsetAt(wall - mostChange), zone.offsetAt(wall + mostChange)]
  const first = wall - before
  if (zone.offsetAt(first) === before) return first
  const second = wall - after
  if (zone.offsetAt(second) === after) return second
  return changeBetween(zone, Math.min(first, second), Math.max(first, second))
}

/** When the clock is put forward or back, after `from` and not after `to`, where it is once. */
export function changeBetween(zone: Zone, from: number, to: number): number {
  const before = zone.offsetAt(from)
  let [low, high] = [Math.floor(from / 1000), Math.ceil(to / 1000)]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (zone.offsetAt(middle * 1000) === before) low = middle
    else high = middle
  }
  return high * 1000
}
