/** What lies between the tags of each element of a name, in the flat XML of AWS: no element of it holds one of its own name. */
export function elements(xml: string, name: string): string[] {
  const found: string[] = []
  for (let at = 0; ;) {
    const start = xml.indexOf(`<${name}>`, at)
    const end = start < 0 ? -1 : xml.indexOf(`</${name}>`, start)
    if (end < 0) return found
    found.push(xml.slice(start + name.length + 2, end))
    at = end
  }
}

/** The text of the first element of a name; null: there is none. */
export function textOf(xml: string, name: string): string | null {
  const [inner] = elements(xml, name)
  return inner === undefined ? null : unescaped(inner)
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }

const unescaped = (text: string): string =>
  text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w+));/gi, (whole, decimal: string, hex: string, name: string) => {
    const code = decimal ? Number(decimal) : hex ? parseInt(hex, 16) : NaN
    if (code <= 0x10ffff) return String.fromCodePoint(code)
    return entities[name] ?? whole
  })

/** Text as XML has it. */
export const escaped = (text: string): string => text.replace(/[<>&"']/g, (one) => `&#${one.charCodeAt(0)};`)
