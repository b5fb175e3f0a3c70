import { EngineError } from '../errors.js'

/** What `--chmod` makes of a file's permission bits. */
export type ModeChange = (mode: number, directory: boolean) => number

const bits: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111 }
/** Permission bits of each class, and the special bit it may set. */
const classes = {
  u: { mask: 0o700, special: 0o4000 },
  g: { mask: 0o070, special: 0o2000 },
  o: { mask: 0o007, special: 0 },
}
const shifts = { u: 6, g: 3, o: 0 } as const

/**
 * Reads a mode as chmod(1) takes it: octal, or symbolic like `u=rwX,go-w` and `g=u`. No class is all of them.
 * @throws EngineError `invalid`
 */
export function readModeChange(text: string): ModeChange {
  if (/^[0-7]{1,4}$/.test(text)) return () => parseInt(text, 8)
  const clauses = text.split(',').map((clause) => {
    const [, who = '', actions = ''] = /^([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)$/.exec(clause) ?? []
    if (actions === '')
      throw new EngineError('invalid', `invalid chmod parameter: "${text}": it must be like 755, 0644 or u+x,go-w`)
    return { who: who === '' || who.includes('a') ? 'ugo' : who, actions: [...actions.matchAll(/([-+=])([^-+=]*)/g)] }
  })
  return (before, directory) => {
    let mode = before & 0o7777
    for (const { who, actions } of clauses)
      for (const [, operator, what = ''] of actions) mode = apply(mode, who, operator ?? '', what, directory)
    return mode
  }
}

function apply(mode: number, who: string, operator: string, what: string, directory: boolean): number {
  let mask = 0
  let special = 0
  for (const one of who) {
    mask |= classes[one as 'u'].mask
    special |= classes[one as 'u'].special
  }
  let wanted = permissions(mode, what, directory) & mask
  if (what.includes('s')) wanted |= special
  if (what.includes('t')) wanted |= 0o1000
  if (operator === '+') return mode | wanted
  if (operator === '-') return mode & ~wanted
  return (mode & ~(mask | (directory ? 0 : special))) | wanted
}

/** The bits that letters stand for, in every class; `X` is `x` where it makes sense. */
function permissions(mode: number, what: string, directory: boolean): number {
  if (/^[ugo]$/.test(what)) return ((mode >> shifts[what as 'u']) & 7) * 0o111
  let all = 0
  for (const letter of what) all |= bits[letter] ?? (letter === 'X' && (directory || (mode & 0o111) > 0) ? 0o111 : 0)
  return all
}
