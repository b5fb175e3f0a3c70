import { normalize } from 'node:path/posix'
import type { Tree } from '../tree.js'

/** What an app's Gemfile and its lock file say. Text alone: a Gemfile is a program, and is not run. */
export interface Gemfile {
  /** Gems that production asks for by name. */
  readonly gems: ReadonlySet<string>
  /** Those and, where there is a lock file, all that they need. */
  readonly all: ReadonlySet<string>
  /** Of its `ruby` line: a constraint, or `file: …`. */
  readonly ruby: string | undefined
  /** Where its gems come from first. */
  readonly source: string
  /** Directories of the tree that gems are taken from. */
  readonly paths: readonly string[]
  /** Whether it reads other files of the tree, which are not known beforehand. */
  readonly readsTree: boolean
  readonly hasLock: boolean
}

/** Whatever RubyGems has gems from where nobody says otherwise, see install-gems.ts. */
const usualSource = 'usual'

const lockBytes = 8 * 1024 * 1024
const unwanted = /^(?:development|test|ci|rubocop|lint)$/
/** Gems for other systems are asked for by all; none of them is installed. */
const foreign = /\bplatforms?:?\s*(?:=>)?\s*[[%(:\w]*\W*(?:windows|mingw|mswin|x64_mingw|jruby)\b/

/** @throws BerthError for files too large to be what their names say */
export function readGemfile(tree: Tree): Gemfile {
  const text = tree.read('Gemfile') ?? ''
  const lock = tree.read('Gemfile.lock', lockBytes)
  const gems = productionGems(text)
  const locked = [...(lock ?? '').matchAll(/^ {4}([\w.-]+) \(/gm)].map(([, name = '']) => name)
  return {
    gems: new Set(gems),
    all: new Set([...gems, ...locked]),
    ruby: rubyOf(text),
    source: /^\s*source[\s(]+["'](https?:\/\/[\w.:/-]+)["']/m.exec(text)?.[1] ?? usualSource,
    paths: pathsOf(text).filter((path) => tree.hasDirectory(path)),
    readsTree:
      /^\s*(?:gemspec|eval_gemfile|instance_eval)\b|\bFile\.|\brequire_relative\b/m.test(text) ||
      /\bpath(?::|\s*=>)\s*["']\.["']/.test(text),
    hasLock: lock !== null,
  }
}

function productionGems(text: string): string[] {
  /** For each block that is open: whether what is in it is left out. */
  const blocks: boolean[] = []
  return text.split(/\r?\n/).flatMap((raw) => {
    const line = raw.replace(/^\s*#.*|\s#[^{'"].*$/, '').trim()
    if (/^group\b/.test(line)) blocks.push(isUnwanted(line.replace(/^group|\boptional:.*|\bdo$/g, '')))
    else if (/\bdo\b\s*(?:\|.*\|)?$|^(?:if|unless|case)\b/.test(line)) blocks.push(false)
    else if (line === 'end') blocks.pop()
    const name = /^gem[\s(]+["']([\w.-]+)["']/.exec(line)?.[1]
    if (name === undefined || blocks.includes(true) || foreign.test(line)) return []
    const groups = /\bgroups?:?\s*(?:=>)?\s*(%[iw]\[[^\]]*\]|\[[^\]]*\]|[:"']\w+)/.exec(line)?.[1]
    return groups !== undefined && isUnwanted(groups) ? [] : [name]
  })
}

/** Whether all of the groups that are named are for development. */
function isUnwanted(groups: string): boolean {
  const names = groups.replace(/%[iw]/g, '').match(/\w+/g) ?? []
  return names.length > 0 && names.every((one) => unwanted.test(one))
}

/** The constraints of the `ruby` line, or the file that it names. */
function rubyOf(text: string): string | undefined {
  const words = /^\s*ruby[\s(]+([^#\n]{1,120})/m.exec(text)?.[1]
  if (words === undefined || words.startsWith('file:')) return words
  return [...words.matchAll(/(?:^|,\s*)["']([^"']+)["']/g)].map(([, one = '']) => one).join(', ') || undefined
}

/** Directories of gems in the tree, by `path:` and by blocks of it. */
function pathsOf(text: string): string[] {
  const named = [...text.matchAll(/\bpath(?::|\s*=>|\s)\s*["']([^"'\n]+)["']/g)].map(([, path = '']) =>
    normalize(path).replace(/\/$/, ''),
  )
  return [...new Set(named)].filter((path) => /^[\w.-]+(?:\/[\w.-]+)*$/.test(path) && !/^\.{1,2}(?:\/|$)/.test(path))
}
