import { EngineError } from '../errors.js'

/** A place in a Dockerfile; both from 1, the column in characters. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** An error about a Dockerfile that points at the character: `Dockerfile:3:7: message (hint)`. */
export class DockerfileError extends EngineError {
  readonly position: Position
  constructor(file: string, position: Position, message: string, hint?: string) {
    const place = `${file}:${String(position.line)}:${String(position.column)}`
    super('invalid', `${place}: ${message}${hint === undefined ? '' : ` (${hint})`}`)
    this.position = position
  }
}

/** A heredoc of an instruction: `<<EOF`. */
export interface Heredoc {
  readonly name: string
  /** The body, every line ended by \n; tabs stripped already for `<<-`. */
  readonly content: string
  /** False when the name was quoted: variables stay as written. */
  readonly expand: boolean
  /** The word that announced it, as written: `<<-"EOF"`. */
  readonly word: string
}

/** One instruction's text, its continuation lines joined, every character traceable to where it was written. */
export class LogicalLine {
  readonly file: string
  readonly text: string
  readonly heredocs: readonly Heredoc[]
  readonly #starts: readonly (Position & { readonly offset: number })[]

  constructor(
    file: string,
    text: string,
    starts: readonly (Position & { readonly offset: number })[],
    heredocs: readonly Heredoc[] = [],
  ) {
    this.file = file
    this.text = text
    this.#starts = starts
    this.heredocs = heredocs
  }

  /** @param text with the words that announce them as they are known by */
  with(text: string, heredocs: readonly Heredoc[]): LogicalLine {
    return new LogicalLine(this.file, text, this.#starts, heredocs)
  }

  /** The part from `offset` on, positions kept: what ONBUILD holds. */
  from(offset: number): LogicalLine {
    const starts = this.#starts.map((start) => ({ ...start, offset: start.offset - offset }))
    return new LogicalLine(this.file, this.text.slice(offset), starts, this.heredocs)
  }

  at(offset: number): Position {
    const start = this.#starts.findLast((one) => one.offset <= offset) ?? this.#starts[0]
    return { line: start?.line ?? 1, column: (start?.column ?? 1) + offset - (start?.offset ?? 0) }
  }

  error(offset: number, message: string, hint?: string): DockerfileError {
    return new DockerfileError(this.file, this.at(offset), message, hint)
  }
}
