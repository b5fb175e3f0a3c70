import { architecture } from '../oci/document.js'
import { expandHeredoc, expandWord, expandWords, ExpandError, type Variables } from './expand.js'
import type { LogicalLine } from './source.js'
import type { Word } from './words.js'

const platform = `linux/${architecture}`

/** Build arguments that FROM may use without an ARG, and a stage with a bare one: BuildKit's automatic platform ones. */
export const platformArgs: Variables = new Map([
  ['TARGETPLATFORM', platform],
  ['TARGETOS', 'linux'],
  ['TARGETARCH', architecture],
  ['TARGETVARIANT', ''],
  ['BUILDPLATFORM', platform],
  ['BUILDOS', 'linux'],
  ['BUILDARCH', architecture],
  ['BUILDVARIANT', ''],
])

/** Arguments that RUN sees without an ARG and that no history or cache key shows (Dockerfile reference, "predefined ARGs"). */
export const predefinedArgs = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap((name) => [
  name,
  name.toLowerCase(),
])

/** Expands words of one instruction; what is wrong is told with its place. */
export class Scope {
  readonly #line: LogicalLine
  readonly #variables: Variables
  readonly #escape: string

  constructor(line: LogicalLine, variables: Variables, escape: string) {
    this.#line = line
    this.#variables = variables
    this.#escape = escape
  }

  word({ text, offset }: Word): string {
    return this.#placed(offset, () => expandWord(text, this.#variables, this.#escape))
  }

  words({ text, offset }: Word): string[] {
    return this.#placed(offset, () => expandWords(text, this.#variables, this.#escape))
  }

  heredoc(content: string): string {
    return this.#placed(0, () => expandHeredoc(content, this.#variables, this.#escape))
  }

  #placed<T>(offset: number, work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (error instanceof ExpandError) throw this.#line.error(offset + error.offset, error.message)
      throw error
    }
  }
}
