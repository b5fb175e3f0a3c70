import { EngineError } from '../errors.js'

/** A whole number of a query string; undefined when absent or empty. @throws EngineError `invalid` */
export function whole(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name) ?? ''
  if (text === '') return undefined
  if (!/^[+-]?\d{1,15}$/.test(text)) throw new EngineError('invalid', `invalid ${name}: "${text}" is not a number`)
  return Number(text)
}

/** The same; 0 when absent or empty. */
export const count = (query: URLSearchParams, name: string): number => whole(query, name) ?? 0

/** Rows and columns of a terminal, which a client must give. @throws EngineError `invalid` in dockerd's words */
export const terminalSize = (query: URLSearchParams): [rows: number, columns: number] => [
  unsigned(query, 'h', 'height'),
  unsigned(query, 'w', 'width'),
]

function unsigned(query: URLSearchParams, name: string, called: string): number {
  const text = query.get(name) ?? ''
  const refused = (why: string) => new EngineError('invalid', `invalid resize ${called} "${text}": ${why}`)
  if (!/^-?\d+$/.test(text)) throw refused('invalid syntax')
  if (text.startsWith('-') || Number(text) >= 2 ** 32) throw refused('value out of range')
  return Number(text)
}

/**
 * A yes or no of a query string, as dockerd reads it: everything but `0`, `no`, `false` and `none`, in any case, is yes.
 * @param absent what it is when the client says nothing
 */
export function flag(query: URLSearchParams, name: string, absent = false): boolean {
  const text = query.get(name)
  return text === null ? absent : !['', '0', 'no', 'false', 'none'].includes(text.trim().toLowerCase())
}
