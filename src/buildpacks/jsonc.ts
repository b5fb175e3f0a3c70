import { parseJson } from './json.js'

/**
 * Parses a user's JSON file that may have comments and commas too many, as `deno.json` may.
 * @throws SourceError at the first character that cannot be there
 */
export const parseJsonc = (file: string, text: string): unknown => parseJson(file, withoutComments(text))

/** Strings; comments; a comma before what closes. A comment that does not end is left to be complained of. */
const parts =
  /"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\/|,(?=(?:\s|\/\/[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/){0,200}[}\]])/g

/** Blanks in place of what JSON lacks, so that everything else stays where it is. */
export const withoutComments = (text: string): string =>
  text.replaceAll(parts, (part) => (part.startsWith('"') ? part : part.replaceAll(/[^\n]/g, ' ')))
