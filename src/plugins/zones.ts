/** The longest of some zones that a name is in; null: it is in none. */
export function longestZone(name: string, zones: readonly string[]): string | null {
  const holding = zones.filter((zone) => name === zone || name.endsWith(`.${zone}`))
  return holding.reduce<string | null>((best, zone) => (zone.length > (best?.length ?? 0) ? zone : best), null)
}

/** A name below its zone, as providers have it: `_acme-challenge`, and `@` for the zone itself. */
export const nameBelow = (name: string, zone: string): string => (name === zone ? '@' : name.slice(0, -zone.length - 1))

/** Zones that somebody has written down: `example.com, example.org`. */
export const listedZones = (text: string): string[] =>
  text
    .toLowerCase()
    .split(/[\s,]+/)
    .map((zone) => zone.replace(/\.$/, ''))
    .filter((zone) => zone !== '')
