import { BerthError } from '../errors.js'

/** A place in a user's file; line and column from 1. */
export interface SourcePlace {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** A mistake in a user's file, at a line and column (both from 1). */
export class SourceError extends BerthError {
  readonly file: string
  readonly line: number
  readonly column: number
  constructor({ file, line, column }: SourcePlace, message: string, hint?: string) {
    super('invalid', `${file}:${String(line)}:${String(column)}: ${message}`, hint)
    this.file = file
    this.line = line
    this.column = column
  }
}

/** Line and column, both from 1, of an offset in a text. */
export function position(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split('\n')
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
}
