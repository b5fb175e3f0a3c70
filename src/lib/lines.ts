/** A line is passed on whole up to here, in UTF-16 units. */
export const longestLine = 64 * 1024

/** Stands where a line was cut. */
export const cutMark = ' [… the rest of this line was left out]'

/**
 * Cuts text that comes in pieces into lines, in time and memory that grow with the pieces alone: a line that never ends is
 * passed on up to `longest`, once its end or that of the text has come, and the rest of it is dropped.
 */
export class LineSplitter {
  readonly #longest: number
  #pieces: string[] = []
  #size = 0
  #cut = false

  constructor(longest = longestLine) {
    this.#longest = longest
  }

  /** The lines that end in this piece, without their newlines. */
  read(text: string): string[] {
    const lines: string[] = []
    let at = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', at)) {
      if (this.#size === 0 && !this.#cut && end - at <= this.#longest) lines.push(text.slice(at, end))
      else {
        this.#keep(text, at, end)
        lines.push(this.#take())
      }
      at = end + 1
    }
    this.#keep(text, at, text.length)
    return lines
  }

  /** What was left without a newline at the end; '' is nothing. */
  end(): string {
    return this.#take()
  }

  #keep(text: string, from: number, to: number): void {
    const end = Math.min(to, from + this.#longest - this.#size)
    if (end < to) this.#cut = true
    if (end <= from) return
    this.#pieces.push(text.slice(from, end))
    this.#size += end - from
  }

  #take(): string {
    const line = this.#pieces.join('') + (this.#cut ? cutMark : '')
    this.#pieces = []
    this.#size = 0
    this.#cut = false
    return line
  }
}
