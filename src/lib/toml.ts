import { parse } from 'smol-toml'

export { TomlError } from 'smol-toml'

/** A table of a TOML document. */
export type TomlTable = Readonly<Record<string, unknown>>

/** Deeper than anybody nests: the parser calls itself for each level. */
const maxDepth = 200

/** Reads a TOML 1.0 document. @throws TomlError with the line and the column, from 1 */
export const parseToml = (text: string): TomlTable => parse(text, { maxDepth })

const isTable = (value: unknown): value is TomlTable =>
  typeof value === 'object' && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value) as null)

/** A value as a table; one that is none, a time for one, has nothing in it. */
export const asTable = (value: unknown): TomlTable => (isTable(value) ? value : {})

/** The tables of an array of tables. */
export const asTables = (value: unknown): TomlTable[] => (Array.isArray(value) ? value.map(asTable) : [])

/** The texts of an array of texts. */
export const asTexts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
