import { compare, parse, Range, satisfies, validRange, type SemVer } from 'semver'
import { BerthError } from '../../errors.js'
import { devEngine, type PackageJson } from './package-json.js'
import { toolPins } from '../tool-versions.js'
import type { Tree } from '../tree.js'

/** Majors of Node.js that Berth can make a stack image of. */
export const nodeMajors: readonly number[] = [14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26]
/** Those that still get patches (nodejs/Release). */
const patchedMajors: readonly number[] = [22, 24, 26]
export const defaultNodeMajor = 24
/** The default, then what gets long-term support, the newest first, then what never did. */
const preferred: readonly number[] = nodeMajors.toSorted((a, b) => rank(b) - rank(a))

/** Code names of long-term releases, as `.nvmrc` has them. */
const codeNames: Readonly<Record<string, number>> = {
  fermium: 14,
  gallium: 16,
  hydrogen: 18,
  iron: 20,
  jod: 22,
  krypton: 24,
}

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
 * The version for an app: what `engines.node` of its package.json says, else Volta's, else `devEngines`, else
 * `.nvmrc`, `.node-version`, `.tool-versions` or mise.toml, else the default.
 * @throws BerthError `invalid` when Berth has none that is meant; it never takes another in silence
 */
export function nodeVersion(tree: Tree, pkg: PackageJson): NodeVersion {
  const { engines, volta } = pkg
  const asked = [
    { place: 'package.json: engines.node', range: firstLine(engines.node) },
    { place: 'package.json: volta.node', range: firstLine(volta.node) },
    { place: 'package.json: devEngines.runtime', range: firstLine(devEngine(pkg, 'runtime', ['node'])?.version) },
    { place: '.nvmrc', range: plain(firstLine(tree.read('.nvmrc'))) },
    { place: '.node-version', range: plain(firstLine(tree.read('.node-version'))) },
    ...toolPins(tree, 'node', 'nodejs').map(([place, text]) => ({ place, range: plain(text ?? '') })),
  ].filter(({ range }) => range !== '')
  const [first, ...others] = asked
  if (first === undefined) return { version: String(defaultNodeMajor), notes: [] }
  const version = chosen(first.place, first.range)
  const other = others.find(
    ({ range }) => range.length <= longestRange && validRange(range) !== null && !satisfies(whole(version), range),
  )
  const notes = [
    ...(other === undefined ? [] : [`${first.place} is followed; ${other.place} says ${other.range.slice(0, 40)}`]),
    ...(patchedMajors.includes(Number(version.split('.')[0]))
      ? []
      : [`Node.js ${version} gets no more security patches; ${defaultNodeMajor} does`]),
  ]
  return { version, notes }
}

/** What is written first, comments left out. */
const firstLine = (text: string | null | undefined): string =>
  (text ?? '')
    .split(/\r?\n/)
    .map((line) => line.replace(/(?:^|\s)#.*$/, '').trim())
    .find((line) => line !== '') ?? ''

/** A version that a name of a stack stands for, as far as a range can tell it. */
const whole = (version: string): string => `${version}${'.999'.repeat(2 - (version.match(/\./g)?.length ?? 0))}`

function rank(major: number): number {
  return major + (major === defaultNodeMajor ? 2_000 : major % 2 === 0 ? 1_000 : 0)
}

/** What nvm understands besides ranges, as ranges. */
function plain(range: string): string {
  const name = /^lts\/([a-z]+)$/i.exec(range)?.[1]?.toLowerCase() ?? ''
  if (Object.hasOwn(codeNames, name)) return `${String(codeNames[name])}.x`
  return /^(?:lts(?:\/\*)?|node|stable|latest)$/i.test(range) ? `${defaultNodeMajor}.x` : range
}

/**
 * The name of the newest version that a range allows, as short as it can be: a major when the range is open to its end, so
 * that patches arrive; else the newest minor that it allows whole; else a version that it names. The default major comes
 * first, then the newest.
 */
function chosen(place: string, range: string): string {
  const shown = range.length > 80 ? `${range.slice(0, 80)}…` : range
  const hint = `Berth has Node.js ${nodeMajors[0] ?? ''} to ${nodeMajors.at(-1) ?? ''}; write "${defaultNodeMajor}.x", say`
  if (range.length > longestRange || validRange(range) === null)
    throw new BerthError('invalid', `${place} "${shown}" is not a version range`, hint)
  const open = preferred.find((major) => satisfies(`${String(major)}.999.999`, range))
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
