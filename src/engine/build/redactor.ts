/** Shorter lines of a secret are too likely to be ordinary text. */
const shortest = 4

/** A line longer than this is passed on in parts. */
const longest = 1 << 16

/**
 * Takes secrets out of a command's output. A secret of several lines is masked line by line. What has not come to the end
 * of a line yet is held back, so that a secret cut in two by the pipe is found all the same.
 */
export class Redactor {
  readonly #hidden: readonly string[]
  #held = ''

  constructor(secrets: readonly string[]) {
    const lines = secrets.flatMap((secret) => [secret.trim(), ...secret.split(/\r?\n/).map((line) => line.trim())])
    this.#hidden = [...new Set(lines)].filter(({ length }) => length >= shortest).sort((a, b) => b.length - a.length)
  }

  /** The part of the output that is complete. */
  pass(text: string): string {
    if (this.#hidden.length === 0) return text
    this.#held += text
    const end = Math.max(this.#held.lastIndexOf('\n'), this.#held.lastIndexOf('\r')) + 1
    const cut = end === 0 && this.#held.length > longest ? this.#held.length : end
    const whole = this.#held.slice(0, cut)
    this.#held = this.#held.slice(cut)
    return this.#cover(whole)
  }

  /** What was held back. */
  rest(): string {
    const rest = this.#held
    this.#held = ''
    return this.#cover(rest)
  }

  #cover(text: string): string {
    return this.#hidden.reduce((covered, secret) => covered.replaceAll(secret, '***'), text)
  }
}
