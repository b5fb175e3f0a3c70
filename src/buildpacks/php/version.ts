import { satisfies, validRange } from 'semver'
import { BerthError } from '../../errors.js'
import { toolPins } from '../tool-versions.js'
import type { Tree } from '../tree.js'
import type { Composer } from './composer.js'

/** A PHP of Debian's. */
export interface DebianPhp {
  readonly line: string
  /** Codename of Debian's release. */
  readonly release: string
}

/** What Debian's releases have, the usual one first. */
export const debianPhps: readonly DebianPhp[] = [
  { line: '8.2', release: 'bookworm' },
  { line: '8.4', release: 'trixie' },
]
const had = debianPhps.map(({ line }) => line)
const [usual = ''] = had

/** What a tree pins beside composer.json, as tools that switch between versions have it. */
function pinned(tree: Tree): { readonly who: string; readonly php: string | undefined }[] {
  const [, own] = /^\s*(?:php-?)?(\d+(?:\.\d+){0,2})\s*$/.exec(tree.read('.php-version') ?? '') ?? []
  return [
    { who: '.php-version asks', php: own },
    ...toolPins(tree, 'php').map(([place, text]) => ({
      who: `${place} asks`,
      php: /^\d/.test(text ?? '') ? text : undefined,
    })),
  ].map(({ who, php }) => ({ who, php: php === undefined || php.includes('.') ? php : `^${php}.0` }))
}

/**
 * The first line that the app and all packages that it locks run on.
 * @throws BerthError `invalid` when there is none
 */
export function phpVersion(tree: Tree, composer: Composer | null): string {
  const wants = [
    { who: 'composer.json asks', php: composer?.php },
    ...(composer?.php === undefined ? pinned(tree) : []),
    ...(composer?.locked ?? []).map(({ name, php }) => ({ who: `composer.lock: ${name} asks`, php })),
  ].flatMap(({ who, php }) => (php === undefined ? [] : [{ who, php }]))
  // every constraint that means a line lets this release of it in
  const refusing = had.map((line) => wants.find(({ php }) => !allows(php, `${line}.99`)))
  const fits = had.find((_line, index) => refusing[index] === undefined)
  if (fits !== undefined) return fits
  const { who, php } = refusing.find((one) => one !== undefined) ?? { who: '', php: '' }
  const both = had.join(' and ')
  const bring = 'or bring a Dockerfile that begins with the PHP you want'
  throw new BerthError(
    'invalid',
    `${who} for PHP ${php.slice(0, 60)}: the only ones that can be had are Debian's, ${both}`,
    !who.startsWith('composer')
      ? `write ${had.join(' or ')} into it, if the app runs on it; ${bring}`
      : who.startsWith('composer.json')
        ? `allow one of them, "php": ">=${usual}", if the app runs on it; ${bring}`
        : `lock what runs on it: composer config platform.php ${usual}.0 && composer update; ${bring}`,
  )
}

/** Whether a constraint as Composer writes them lets a version in. One that cannot be read is left to Composer. */
export function allows(constraint: string, version: string): boolean {
  const range = constraint
    .slice(0, 200)
    .split(/\s*\|\|?\s*/)
    .map(both)
    .join(' || ')
  return validRange(range) === null || satisfies(version, range)
}

/** What all hold at once, as npm writes it: its `~1.2` and plain `1.2` mean less than Composer's. */
const both = (text: string): string =>
  text
    .replace(/@\w+/g, '')
    .replace(/([<>=!~^]+)\s+/g, '$1')
    .trim()
    .split(/\s+-\s+/)
    .map((part) =>
      part
        .split(/[\s,]+/)
        .map(one)
        .join(' '),
    )
    .join(' - ')

function one(text: string): string {
  if (text.startsWith('!=')) return ''
  const next = /^~v?(\d+)(?:\.(\d+))?$/.exec(text)
  if (next?.[1] !== undefined) return `>=${next[1]}.${next[2] ?? '0'}.0 <${String(Number(next[1]) + 1)}.0.0`
  const exact = /^={0,2}v?(\d+\.\d+)\.\d+$/.exec(text)
  return exact?.[1] === undefined ? text.replace(/^==/, '=') : `${exact[1]}.x`
}
