/** Text with variables in it that cannot be read; the message goes on after its name. */
export class InterpolationError extends Error {}

/** So deep one may stand in another's default. */
const deepest = 20
/** Characters that a text may become. */
const longest = 64 * 1024

const plainName = /[A-Za-z_][A-Za-z0-9_]*/y

/**
 * Text with the values of its variables: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:?message}`, `${NAME:+other}`, each of
 * them without the colon too, when an empty value counts as one. `$$` is a dollar sign; one that begins no name stays.
 * https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md
 * @param valueOf undefined for a variable that is not set: it is empty
 * @throws InterpolationError for what is none of these, and in the words of `?` where a value is missing
 */
export function interpolate(text: string, valueOf: (name: string) => string | undefined): string {
  if (!text.includes('$')) return text
  const reader = new Reader(text, valueOf)
  return reader.read(0, false)
}

class Reader {
  readonly #text: string
  readonly #valueOf: (name: string) => string | undefined
  #at = 0
  #left = longest
  #unused = 0

  constructor(text: string, valueOf: (name: string) => string | undefined) {
    this.#text = text
    this.#valueOf = valueOf
  }

  /** @param inside up to the brace that closes a variable */
  read(depth: number, inside: boolean): string {
    if (depth > deepest) throw new InterpolationError('has variables nested too deeply')
    let made = ''
    while (this.#at < this.#text.length) {
      const next = this.#text[this.#at] ?? ''
      if (inside && next === '}') return made
      made += next === '$' ? this.#take(this.#variable(depth)) : this.#take(next)
      if (next !== '$') this.#at += 1
    }
    if (inside) throw new InterpolationError('has a variable whose } is missing')
    return made
  }

  #take(part: string): string {
    this.#left -= part.length
    if (this.#left < 0) throw new InterpolationError(`becomes longer than ${longest} characters`)
    return part
  }

  /** At a dollar sign. */
  #variable(depth: number): string {
    const start = this.#at
    const after = this.#text[start + 1]
    if (after === '$') {
      this.#at += 2
      return '$'
    }
    if (after !== '{') {
      const name = this.#name(start + 1)
      this.#at = start + 1 + name.length
      return name === '' ? '$' : (this.#valueOf(name) ?? '')
    }
    const name = this.#name(start + 2)
    this.#at = start + 2 + name.length
    const operator = /(?::?[-?+])?/y
    operator.lastIndex = this.#at
    const [found = ''] = operator.exec(this.#text) ?? []
    this.#at += found.length
    if (name === '' || (found === '' && this.#text[this.#at] !== '}'))
      throw new InterpolationError(
        `has ${JSON.stringify(this.#text.slice(start, start + 24))}, which is no variable as Compose writes it`,
      )
    const value = this.#valueOf(name)
    const there = value !== undefined && !(found.startsWith(':') && value === '') ? value : null
    const kind = found.at(-1)
    const isUsed = (there === null) === (kind !== '+')
    const word = found === '' ? '' : this.#word(depth, isUsed)
    this.#at += 1
    if (kind === '?' && there === null && this.#unused === 0)
      throw new InterpolationError(`wants ${name}${word === '' ? '' : `: ${word.slice(0, 200)}`}`)
    if (kind === undefined) return value ?? ''
    return isUsed ? word : kind === '+' ? '' : (there ?? '')
  }

  /** What follows an operator; where it is not used, nothing in it is wanted. */
  #word(depth: number, isUsed: boolean): string {
    if (!isUsed) this.#unused += 1
    const word = this.read(depth + 1, true)
    if (!isUsed) this.#unused -= 1
    return word
  }

  #name(at: number): string {
    plainName.lastIndex = at
    return plainName.exec(this.#text)?.[0] ?? ''
  }
}
