/** Ports from the first to the last. */
export type PortRange = readonly [first: number, last: number]

/** Below it only root may listen, which the router is not. */
export const leastPort = 1024

/**
 * Reads ranges of ports: `1024-32767,40000`; `none` is none.
 * @returns null for anything else, ports below 1024 too
 */
export function readPortRanges(text: string): PortRange[] | null {
  if (text.trim() === 'none') return []
  const ranges = text.split(',').map((item): PortRange | null => {
    const [, first = '', last = first] = /^ *(\d{1,5})(?:-(\d{1,5}))? *$/.exec(item) ?? []
    const range = [Number(first), Number(last)] as const
    return first !== '' && range[0] >= leastPort && range[0] <= range[1] && range[1] <= 65_535 ? range : null
  })
  return ranges.every((range) => range !== null) ? ranges : null
}

export const isInRanges = (ranges: readonly PortRange[], port: number): boolean =>
  ranges.some(([first, last]) => port >= first && port <= last)

/** As people read them: `1024-32767, 40000`. */
export const shownRanges = (ranges: readonly PortRange[]): string =>
  ranges.length === 0 ? 'none' : ranges.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(', ')
