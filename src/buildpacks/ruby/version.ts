import { satisfies, validRange } from 'semver'
import { BerthError } from '../../errors.js'
import { toolPins, type Pin } from '../tool-versions.js'
import type { Tree } from '../tree.js'
import type { Gemfile } from './gemfile.js'

/** Lines that have a slim image on Debian bookworm, the newest last. */
const lines: readonly string[] = ['3.0', '3.1', '3.2', '3.3', '3.4']
/** What Debian bookworm has: this one is to be had everywhere. */
export const debianRuby = { line: '3.1', version: '3.1.2' } as const

/** Name of the image of a version; the same as the official image's. */
export const rubyImage = (version: string): string => `ruby:${version}-slim-bookworm`

/** The line of Ruby for an app. */
export interface RubyVersion {
  readonly version: string
  readonly notes: readonly string[]
  /** The release that the Gemfile pins, where the line is what is to be had: Bundler would refuse another. */
  readonly pinned: string | undefined
}

/**
 * The line for an app: what the Gemfile's `ruby` says, else .ruby-version, .tool-versions or mise.toml; Debian's where it fits.
 * @throws BerthError `invalid` for what is no version of Ruby, or a line that has no image
 */
export function rubyVersion(tree: Tree, { ruby }: Pick<Gemfile, 'ruby'>): RubyVersion {
  const file = /^file:\s*["']([\w./-]+)["']/.exec(ruby ?? '')?.[1]
  const inGemfile = ruby === undefined ? undefined : file === undefined ? ruby : fileVersion(tree, file)
  const places: readonly Pin[] = [
    ['Gemfile', inGemfile],
    ['.ruby-version', fileVersion(tree, '.ruby-version')],
    ...toolPins(tree, 'ruby'),
  ]
  const [place, asked] = places.find(([, text]) => text !== undefined && text !== '') ?? ['', undefined]
  if (asked === undefined) return { version: debianRuby.line, notes: [], pinned: undefined }
  const text = asked
    .replace(/^ruby-/, '')
    .replace(/-p\d+$/, '')
    .trim()
  const exact = /^(\d+\.\d+)(?:\.\d+)?$/.exec(text)?.[1]
  const range = rangeOf(text)
  const fits =
    exact ?? [debianRuby.line, ...lines.toReversed()].find((line) => range !== null && satisfies(`${line}.99`, range))
  if (fits !== undefined && lines.includes(fits))
    return {
      version: fits,
      notes:
        exact !== undefined && text !== fits
          ? [`${place} asks for Ruby ${text}: it gets ${fits}, in the release that is to be had`]
          : [],
      pinned: place === 'Gemfile' && file === undefined && exact !== undefined && text !== fits ? text : undefined,
    }
  throw new BerthError(
    'invalid',
    `${place} asks for Ruby ${asked.replace(/\p{Cc}/gu, '?').slice(0, 40)}, and there is no image of it`,
    `ask for one of ${lines.join(', ')}; ${debianRuby.line} can be had without a registry`,
  )
}

const fileVersion = (tree: Tree, file: string): string | undefined => {
  const text = tree.read(file)?.trim()
  // asdf's file names other languages too
  return file.endsWith('.tool-versions') ? /^ruby\s+(\S+)/m.exec(text ?? '')?.[1] : text?.split('\n')[0]?.trim()
}

/** `~> 3.1`, `>= 3.0, < 4`: as npm writes them; null for what is none. */
function rangeOf(text: string): string | null {
  const parts = text.split(/["',\s]*,["',\s]*/).map((part) => {
    const next = /^~>\s*(\d+)\.(\d+)(\.\d+)?$/.exec(part)
    if (next === null) return part.replace(/^=\s*/, '')
    const [, major = '', minor = '', patch] = next
    return patch === undefined ? `>=${major}.${minor} <${String(Number(major) + 1)}` : `~${major}.${minor}.0`
  })
  return validRange(parts.join(' '))
}
