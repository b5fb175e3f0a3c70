import { compare, parse, Range, satisfies, validRange, type SemVer } from 'semver'
import { BerthError } from '../../errors.js'
import type { PackageJson } from './package-json.js'
import type { Tree } from '../tree.js'

/** Majors of Node.js that Berth can make a stack image of. */
export const nodeMajors: readonly number[] = [16, 18, 20, 22, 24, 26]
/** Those that get no more patches (nodejs/Release). */
const endedMajors: readonly number[] = [16, 18, 20]
export const defaultNodeMajor = 24

/** Code names of long-term releases, as `.nvmrc` has them. */
const codeNames: Readonly<Record<string, number>> = { gallium: 16, hydrogen: 18, iron: 20, jod: 22, krypton: 24 }

/** Longer than any range that somebody meant; the time that semver takes grows with it. */
const longestRange = 256

/** `24`, `24.3` or `24.3.1`: the newest Node.js that it names. */
export interface NodeVersion {
  readonly version: string
  readonly notes: readonly string[]
}

/** Name of the stack image of a version; the same as the official image's. */
export const nodeImage = (version: number | string): string => `node:${String(version)}-bookworm-slim`

/**
 * The version for an app: what `engines.node` of its package.json says, else `.nvmrc` or `.node-version`, else the default.
 * @throws BerthError `invalid` when Berth has none that is meant; it never takes another in silence
 */
export function nodeVersion(tree: Tree, { engines }: PackageJson): NodeVersion {
  for (const [place, text] of [
    ['package.json: engines.node', engines.node],
    ['.nvmrc', tree.read('.nvmrc')],
    ['.node-version', tree.read('.node-version')],
  ] as const) {
    const range = (text ?? '').split('\n', 1)[0]?.trim() ?? ''
    if (range !== '') return withNotes(chosen(place, place.startsWith('.') ? plain(range) : range))
  }
  return withNotes(String(defaultNodeMajor))
}

const withNotes = (version: string): NodeVersion => {
  const ended = endedMajors.includes(Number(version.split('.')[0]))
  return { version, notes: ended ? [`Node.js ${version} gets no more security patches; ${defaultNodeMajor} does`] : [] }
}

/** What nvm understands besides ranges, as ranges. */
function plain(range: string): string {
  const name = /^lts\/([a-z]+)$/i.exec(range)?.[1]?.toLowerCase() ?? ''
  if (Object.hasOwn(codeNames, name)) return `${String(codeNames[name])}.x`
  return /^(?:lts\/\*|node|stable|latest)$/i.test(range) ? `${defaultNodeMajor}.x` : range
}

/**
 * The name of the newest version that a range allows, as short as it can be: a major when the range is open to its end, so
 * that patches arrive; else the newest minor that it allows whole; else a version that it names. The default major comes
 * first, then the newest.
 */
function chosen(place: string, range: string): string {
  const shown = range.length > 80 ? `${range.slice(0, 80)}…` : range
  const hint = `Berth has Node.js ${nodeMajors.join(', ')}; write "${defaultNodeMajor}.x", say`
  if (range.length > longestRange || validRange(range) === null)
    throw new BerthError('invalid', `${place} "${shown}" is not a version range`, hint)
  const order = [defaultNodeMajor, ...nodeMajors.filter((major) => major !== defaultNodeMajor).toReversed()]
  const open = order.find((major) => satisfies(`${String(major)}.999.999`, range))
  const named = namedIn(range)
  const minor = named
    .flatMap(({ major, minor }) => [minor, minor - 1].map((one) => ({ major, minor: one })))
    .filter((one) => one.minor >= 0 && nodeMajors.includes(one.major))
    .filter((one) => satisfies(`${String(one.major)}.${String(one.minor)}.999`, range))
    .sort((a, b) => b.major - a.major || b.minor - a.minor)[0]
  if (open !== undefined && (open === defaultNodeMajor || minor === undefined || minor.major <= open))
    return String(open)
  if (minor !== undefined) return `${String(minor.major)}.${String(minor.minor)}`
  const exact = named
    .flatMap(({ major, minor, patch }) =>
      [patch, patch - 1].map((one) => `${String(major)}.${String(minor)}.${String(one)}`),
    )
    .filter((version) => parse(version) !== null && nodeMajors.includes(Number(version.split('.')[0])))
    .filter((version) => satisfies(version, range))
    .sort(compare)
    .at(-1)
  if (exact !== undefined) return exact
  throw new BerthError('invalid', `${place} "${shown}" allows no version Berth has`, hint)
}

/** The versions between which a range lies. */
const namedIn = (range: string): SemVer[] =>
  new Range(range).set.flat().flatMap(({ semver }) => (parse(semver) === null ? [] : [semver]))
