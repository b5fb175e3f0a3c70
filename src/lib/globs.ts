/**
 * Whether a path is one of those that patterns between commas name, as `.gitignore` writes them: `*` and `?` within a name, `**`
 * over folders, `[a-z]`; a folder is all that is below it; `!` takes out again, and the last one that fits counts. Takes time by
 * the length of both, however they are written.
 */
export function globs(text: string): (path: string) => boolean {
  const patterns = text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .map((one) => ({ out: one.startsWith('!'), names: namesOf(one.replace(/^!?\/?/, '')) }))
  const usual = patterns.every(({ out }) => out)
  return (path) => {
    const names = path.split('/')
    const last = patterns.findLast((one) => isBelow(one.names, names))
    return last === undefined ? usual : !last.out
  }
}

/** A pattern by names, and these by pieces: a character, `?`, `*`, or a set. */
const namesOf = (pattern: string): string[][] =>
  pattern
    .split('/')
    .filter(Boolean)
    .map((name) => name.match(/\[[!^]?\]?[^\]]*\]|[^]/gu) ?? [])

/** Whether a pattern fits a path, or a folder that it is in. */
function isBelow(pattern: readonly (readonly string[])[], path: readonly string[]): boolean {
  return fits(pattern, path, {
    many: (at) => pattern[at]?.join('') === '**',
    one: (at, to) => isName(pattern[at] ?? [], path[to] ?? ''),
    open: true,
  })
}

function isName(pieces: readonly string[], name: string): boolean {
  const letters = Array.from(name)
  return fits(pieces, letters, {
    many: (at) => pieces[at] === '*',
    one: (at, to) => isLetter(pieces[at] ?? '', letters[to] ?? ''),
    open: false,
  })
}

function isLetter(piece: string, letter: string): boolean {
  if (piece === '?' || piece === letter) return true
  if (piece.length < 3 || !piece.startsWith('[')) return false
  const not = /^\[[!^]/.test(piece)
  const set = Array.from(piece.slice(not ? 2 : 1, -1))
  const found = set.some(
    (one, at) => one === letter || (set[at + 1] === '-' && one <= letter && letter <= (set[at + 2] ?? '')),
  )
  return found !== not
}

interface Fitting {
  /** Whether a place of the pattern is for any number, none included. */
  readonly many: (at: number) => boolean
  readonly one: (at: number, to: number) => boolean
  /** Whether the text may go on behind the pattern. */
  readonly open: boolean
}

/** One that is for many takes as little as will do; if that fails, the last of them takes one more: no others need be tried. */
function fits(
  pattern: { readonly length: number },
  text: { readonly length: number },
  { many, one, open }: Fitting,
): boolean {
  let [at, to, star, mark] = [0, 0, -1, 0]
  while (to < text.length) {
    if (at < pattern.length && many(at)) [star, mark] = [at++, to]
    else if (at < pattern.length && one(at, to)) [at, to] = [at + 1, to + 1]
    else if (at === pattern.length && open) return true
    else if (star >= 0) [at, to] = [star + 1, ++mark]
    else return false
  }
  while (at < pattern.length && many(at)) at += 1
  return at === pattern.length
}
