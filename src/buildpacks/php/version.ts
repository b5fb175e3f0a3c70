import { satisfies, validRange } from 'semver'
import { BerthError } from '../../errors.js'
import type { Tree } from '../tree.js'
import type { Composer } from './composer.js'

/** What Debian bookworm has, and no other. */
export const debianPhp = '8.2'
/** A release of it that every constraint which means the line lets in. */
const release = `${debianPhp}.99`

/** What a tree pins beside composer.json, as tools that switch between versions have it. */
function pinned(tree: Tree): { readonly who: string; readonly php: string | undefined }[] {
  const [, tool] = /^php[ \t]+(\d[\w.]*)/m.exec(tree.read('.tool-versions') ?? '') ?? []
  const [, own] = /^\s*(?:php-?)?(\d+(?:\.\d+){0,2})\s*$/.exec(tree.read('.php-version') ?? '') ?? []
  return [
    { who: '.php-version asks', php: own },
    { who: '.tool-versions asks', php: tool },
  ].map(({ who, php }) => ({ who, php: php === undefined || php.includes('.') ? php : `^${php}.0` }))
}

/** @throws BerthError `invalid` when the app, or a package that it locks, does not run on Debian's PHP */
export function checkVersion(tree: Tree, composer: Composer | null): void {
  const wants = [
    { who: 'composer.json asks', php: composer?.php },
    ...(composer?.php === undefined ? pinned(tree) : []),
    ...(composer?.locked ?? []).map(({ name, php }) => ({ who: `composer.lock: ${name} asks`, php })),
  ]
  const { who, php } = wants.find((one) => one.php !== undefined && !allows(one.php, release)) ?? {}
  if (who === undefined || php === undefined) return
  throw new BerthError(
    'invalid',
    `${who} for PHP ${php.slice(0, 60)}: the only one that can be had is Debian's, ${debianPhp}`,
    who.startsWith('.')
      ? `write ${debianPhp} into it, if the app runs on it; else bring a Dockerfile that begins with the PHP you want`
      : who.startsWith('composer.json')
        ? `allow it, "php": ">=${debianPhp}", if the app runs on it; else bring a Dockerfile that begins with the PHP you want`
        : `lock what runs on it: composer config platform.php ${debianPhp}.0 && composer update; or bring a Dockerfile that begins with the PHP you want`,
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
