import { BerthError } from '../../errors.js'
import { asTable } from '../../lib/toml.js'
import { readToml } from '../toml.js'
import { toolPins, type Pin } from '../tool-versions.js'
import type { Tree } from '../tree.js'

/** Name of the image of a version; the same as the official image's. */
export const rustImage = (version: string): string => `rust:${version}-slim-bookworm`

/** `1`, the newest there is; `1.85`, or `1.85.1`. */
export interface RustVersion {
  readonly version: string
  /** Whether the app counts on what only nightly compilers let it use. */
  readonly unstable: boolean
  readonly notes: readonly string[]
}

const newest = '1'

/**
 * The compiler for an app: the channel of rust-toolchain.toml or rust-toolchain, else .rust-version, .tool-versions or mise.toml; else
 * the newest. What
 * `rust-version` in Cargo.toml says is the least that will do, which Cargo itself sees to.
 * @throws BerthError `invalid` for what is no version of Rust
 */
export function rustVersion(tree: Tree): RustVersion {
  const named = channelIn(tree)
  if (named === null) return { version: newest, unstable: false, notes: [] }
  const { place, channel } = named
  if (/^(?:stable|1)(?:-|$)/.test(channel)) return { version: newest, unstable: false, notes: [] }
  if (/^(?:nightly|beta)(?:-|$)/.test(channel))
    return {
      version: newest,
      unstable: channel.startsWith('nightly'),
      notes: [
        channel.startsWith('nightly')
          ? `${place} asks for ${channel}: the newest stable Rust builds it, with the features of nightly let through`
          : `${place} asks for ${channel}: the newest stable Rust builds it`,
      ],
    }
  const version = /^(1\.\d{1,3}(?:\.\d{1,3})?)(?:-[\w-]+)?$/.exec(channel)?.[1]
  if (version === undefined)
    throw new BerthError(
      'invalid',
      `${place}: "${channel.slice(0, 40)}" is no version of Rust`,
      'write stable, or one such as 1.85',
    )
  return {
    version,
    unstable: false,
    notes: [`${place} asks for ${version}: where no registry has its image, the next newer Rust of Debian builds it`],
  }
}

/** The compiler that the app pins, and where. */
function channelIn(tree: Tree): { place: string; channel: string } | null {
  for (const place of ['rust-toolchain.toml', 'rust-toolchain']) {
    const text = tree.read(place)
    if (text === null) continue
    const toml = place.endsWith('.toml') || text.includes('[')
    const channel = toml ? asTable(readToml(tree, place).toolchain).channel : text.trim()
    if (typeof channel === 'string' && channel !== '') return { place, channel }
  }
  const pins: readonly Pin[] = [['.rust-version', tree.read('.rust-version')?.trim()], ...toolPins(tree, 'rust')]
  return pins.map(([place, text = '']) => ({ place, channel: text })).find(({ channel }) => channel !== '') ?? null
}
