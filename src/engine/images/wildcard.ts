import { EngineError } from '../errors.js'

/** One step of a pattern: what one character, or any number of them, may be. */
export interface PatternToken {
  readonly many: boolean
  readonly fits: (character: string) => boolean
  /** That many tokens, this one first, may be left out. */
  readonly optional?: number
}

/**
 * Whether a text as a whole is what tokens describe. Takes the product of their lengths at most, whatever they are: a
 * regular expression with ten stars takes years on a name of 255 characters.
 */
export const fits = (tokens: readonly PatternToken[], text: string): boolean => {
  const characters = Array.from(text)
  return lengths(tokens, characters).at(-1) === characters.length
}

/** How many characters, the first at `from`, may be taken so that they are what tokens describe: every such number, least first. */
export function lengths(tokens: readonly PatternToken[], characters: readonly string[], from = 0): number[] {
  const found: number[] = []
  // the places in the tokens that what was read so far may have led to
  let places = new Uint8Array(tokens.length + 1)
  let next = new Uint8Array(tokens.length + 1)
  places[0] = 1
  leap(tokens, places)
  if (places[tokens.length] === 1) found.push(0)
  for (let at = from; at < characters.length; at++) {
    const character = characters[at] ?? ''
    next.fill(0)
    let going = false
    for (const [place, token] of tokens.entries()) {
      if (places[place] === 0 || !token.fits(character)) continue
      next[token.many ? place : place + 1] = 1
      going = true
    }
    if (!going) return found
    leap(tokens, next)
    ;[places, next] = [next, places]
    if (places[tokens.length] === 1) found.push(at + 1 - from)
  }
  return found
}

/** Marks what follows tokens that may stand for nothing. */
function leap(tokens: readonly PatternToken[], places: Uint8Array): void {
  for (const [place, { many, optional }] of tokens.entries()) {
    if (places[place] === 0) continue
    if (many) places[place + 1] = 1
    if (optional !== undefined) places[place + optional] = 1
  }
}

/** A token that is one character. */
export const literal = (character: string): PatternToken => ({ many: false, fits: (one) => one === character })

/**
 * Reads the one token of a pattern that begins at `at` and is no star: `?`, `[a-z]`, `[^a-z]`, `\x`, `x`.
 * @param any what `?` stands for @throws EngineError `invalid`
 */
export function readToken(
  pattern: string,
  at: number,
  any: (character: string) => boolean,
): { readonly token: PatternToken; readonly next: number } {
  const wrong = (why: string) => new EngineError('invalid', `syntax error in pattern: "${pattern}" ${why}`)
  const character = String.fromCodePoint(pattern.codePointAt(at) ?? 0)
  const next = at + character.length
  if (character === '?') return { token: { many: false, fits: any }, next }
  if (character === '\\') {
    if (next >= pattern.length) throw wrong('ends with \\')
    const escaped = String.fromCodePoint(pattern.codePointAt(next) ?? 0)
    return { token: literal(escaped), next: next + escaped.length }
  }
  if (character !== '[') return { token: literal(character), next }
  const negated = pattern.charAt(next) === '^'
  const found = readRanges(pattern, negated ? next + 1 : next)
  if (!found) throw wrong('has a [ that is never closed, or no range in it')
  const within = (one: string) => found.ranges.some(([from, to]) => from <= point(one) && point(one) <= to)
  return { token: { many: false, fits: negated ? (one) => !within(one) : within }, next: found.next }
}

const point = (character: string): number => character.codePointAt(0) ?? 0

/** `a-z0]` as code points, the way Go's filepath.Match reads it; undefined when it is none. */
function readRanges(
  pattern: string,
  first: number,
): { readonly ranges: readonly (readonly [from: number, to: number])[]; readonly next: number } | undefined {
  const ranges: [number, number][] = []
  let at = first
  const take = (): number | undefined => {
    if (pattern.charAt(at) === '\\') at++
    else if (pattern.charAt(at) === '-' || pattern.charAt(at) === ']') return undefined
    const one = pattern.codePointAt(at)
    if (one !== undefined) at += String.fromCodePoint(one).length
    return one
  }
  while (ranges.length === 0 || pattern.charAt(at) !== ']') {
    const from = take()
    if (from === undefined) return undefined
    let to: number | undefined = from
    if (pattern.charAt(at) === '-') {
      at++
      to = take()
    }
    if (to === undefined) return undefined
    ranges.push([from, to])
  }
  return { ranges, next: at + 1 }
}
