import { isPercent } from '../canary-rule.js'
import { checkVariable } from '../changes/config.js'
import { BerthError } from '../errors.js'

/** What a pusher asks for beside the commit, by `git push -o`. */
export interface PushOptions {
  /** Every step of the build is made anew. */
  readonly noCache?: true
  /** The images that it begins with are asked for again, although they are here. */
  readonly pull?: true
  /** It is built, and released, whatever runs. */
  readonly rebuild?: true
  /** Config vars of this build, and of nothing after it. */
  readonly env?: Readonly<Record<string, string>>
  /** Percent of clients that get it, as the app's canary. */
  readonly canary?: number
  /** The pushed branch that is deployed, in place of the app's own. */
  readonly branch?: string
}

/** In one push. */
const most = 50
/** Characters of one, its name included. */
const longest = 4 * 1024

/** The options that there are, as a hint. */
const known = ['no-cache', 'pull', 'rebuild', 'env=NAME=value', 'branch=NAME', 'canary=10%'] as const
const names = known.map((one) => one.replace(/=.*/, ''))

const refuse = (message: string, hint = `there are ${known.join(', ')}`): never => {
  throw new BerthError('invalid', message, hint)
}

/**
 * Reads push options (git-push(1), `--push-option`). Of one that is here twice the last counts.
 * @throws BerthError `invalid`, `large`, never with a value in it
 */
export function readPushOptions(words: readonly string[]): PushOptions {
  if (words.length > most) refuse(`the push has ${String(words.length)} push options, and ${String(most)} are the most`)
  const env = new Map<string, string>()
  let options: PushOptions = {}
  for (const word of words) {
    const [name, value] = split(word)
    if (name === 'no-cache') options = { ...options, noCache: true }
    else if (name === 'pull') options = { ...options, pull: true }
    else if (name === 'rebuild') options = { ...options, rebuild: true }
    else if (name === 'branch') options = { ...options, branch: value ?? '' }
    else if (name === 'canary') options = { ...options, canary: percent(value ?? '') }
    else env.set(...variable(value ?? ''))
  }
  for (const [name, value] of env) checkVariable(name, value)
  return env.size === 0 ? options : { ...options, env: Object.fromEntries(env) }
}

type Name = 'no-cache' | 'pull' | 'rebuild' | 'env' | 'branch' | 'canary'

const valued: ReadonlySet<Name> = new Set(['env', 'branch', 'canary'])

function split(word: string): [Name, string | undefined] {
  const at = word.indexOf('=')
  const [name, value] = at === -1 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)]
  const shown = /^[\x21-\x7e]{1,40}/.exec(name)?.[0] ?? ''
  if (word.length > longest)
    refuse(`the push option ${shown} is longer than ${String(longest)} characters`, 'a config var may be longer')
  if (/\p{Cc}/u.test(word)) refuse(`the push option ${shown} has a control character in it`)
  const found = names.find((one): one is Name => one === name) ?? nearest(name, shown)
  if (valued.has(found) !== (value !== undefined))
    refuse(value === undefined ? `the push option ${found} needs a value` : `the push option ${found} takes no value`)
  if (found === 'branch' && !/^[^\s~^:?*[\\]{1,255}$/.test(value ?? ''))
    refuse('the push option branch names no branch')
  return [found, value]
}

/** @throws BerthError `invalid`, with the name that is meant, perhaps */
function nearest(name: string, shown: string): never {
  const plain = name.toLowerCase().replace(/[^a-z]/g, '')
  const meant = {
    rebuild: 'rebuild',
    nocache: 'no-cache',
    clean: 'no-cache',
    build: 'rebuild',
    force: 'rebuild',
    var: 'env',
    ref: 'branch',
  }
  const known = Object.entries(meant).find(([one]) => plain.startsWith(one))?.[1]
  return refuse(`"${shown}" is no push option of Berth${known === undefined ? '' : `: ${known} is meant?`}`)
}

function percent(word: string): number {
  const share = /^\d{1,3}%?$/.test(word) ? Number.parseInt(word, 10) : NaN
  if (!isPercent(share)) refuse('the push option canary is not a share from 1% to 99%', 'as in canary=10%')
  return share
}

function variable(word: string): [string, string] {
  const at = word.indexOf('=')
  if (at < 1) refuse('the push option env is not env=NAME=value')
  return [word.slice(0, at), word.slice(at + 1)]
}
