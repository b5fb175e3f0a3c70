const token = /^[\w!#$%&'*+\-.^`|~]+$/

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09

/**
 * Header or trailer lines (RFC 9112 §5), each but the last ended by CR LF, as `[name, value, …]` with names in lower case;
 * null when one is none. Values are taken as they are: see `isSound`.
 * @param from where they begin in the text
 */
export function parseLines(text: string, from = 0): string[] | null {
  const lines: string[] = []
  for (let at = from; at < text.length;) {
    const found = text.indexOf('\r\n', at)
    const end = found < 0 ? text.length : found
    const colon = text.indexOf(':', at)
    if (colon < 0 || colon > end) return null
    const name = text.slice(at, colon)
    if (!token.test(name)) return null
    let first = colon + 1
    let last = end
    while (first < last && isBlank(text.charCodeAt(first))) first++
    while (last > first && isBlank(text.charCodeAt(last - 1))) last--
    lines.push(name.toLowerCase(), text.slice(first, last))
    at = end + 2
  }
  return lines
}
