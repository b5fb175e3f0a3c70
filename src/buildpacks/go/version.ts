import { BerthError } from '../../errors.js'
import { toolPins } from '../tool-versions.js'
import type { Tree } from '../tree.js'
import type { GoMod } from './go-mod.js'
import type { GoWork } from './go-work.js'

/** The Go of an app that names none. */
export const defaultGo = '1.27'
/** Older ones than this build with it: it is the last that treats modules as they did. */
const oldest = { line: '1.20', minor: 20 } as const

/** Name of the image of a version; the same as the official image's. */
export const goImage = (version: string): string => `golang:${version}-bookworm`

/** `1.22`, the newest patch of it, or `1.22.3`. */
export interface GoVersion {
  readonly version: string
  readonly notes: readonly string[]
}

/**
 * The version for an app: what `+heroku goVersion` of go.mod or .go-version, .tool-versions or mise.toml
 * pins, else the newest patch of the line that the `toolchain` and `go` lines of go.work, or of go.mod, begin with, as Go
 * takes those for the least that will do.
 * @throws BerthError `invalid` for what is no version of Go
 */
export function goVersion(tree: Tree, mod: GoMod | null, work: GoWork | null): GoVersion {
  const pins = [
    ['go.mod: +heroku goVersion', mod?.heroku.goVersion],
    ['.go-version', tree.read('.go-version')?.trim()],
    ...toolPins(tree, 'go', 'golang'),
  ] as const
  for (const [place, text] of pins) if (text !== undefined && text !== '') return named(place, text, true)
  // a workspace asks for no older one than any of its modules
  const [place, asks] = work?.go === undefined ? ['go.mod', mod] : ['go.work', work]
  const least = asks?.toolchain !== undefined && asks.toolchain !== 'default' ? asks.toolchain : asks?.go
  return least === undefined ? { version: defaultGo, notes: [] } : named(place, least, false)
}

function named(place: string, text: string, exact: boolean): GoVersion {
  const match = /^(?:go)?1\.(\d{1,3})(?:\.(\d{1,3}))?(?:rc\d+|beta\d+)?$/.exec(text)
  if (!match)
    throw new BerthError(
      'invalid',
      `${place}: "${text.slice(0, 40)}" is no version of Go`,
      `write one such as ${defaultGo}, or ${defaultGo}.1 for exactly that one`,
    )
  const minor = Number(match[1])
  if (minor < oldest.minor)
    return {
      version: oldest.line,
      notes: [`${place} asks for Go ${text.replace('go', '')}: it is built with ${oldest.line}`],
    }
  const line = `1.${String(minor)}`
  return { version: exact && match[2] !== undefined ? `${line}.${match[2]}` : line, notes: [] }
}
