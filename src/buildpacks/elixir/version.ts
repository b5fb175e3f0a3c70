import { BerthError } from '../../errors.js'
import { toolPins } from '../tool-versions.js'
import type { Tree } from '../tree.js'

/** What Debian bookworm has: this one is to be had everywhere. */
export const debianElixir = { line: '1.14', minor: 14, otp: '25' } as const
/** Where a project allows what is newer than Debian's. */
const usual = 18

/** Name of the image of a version; the same as the official image's. */
export const elixirImage = (version: string): string => `elixir:${version}-slim`

/**
 * The version for an app, as images have it in their names, `1.17` or `1.17-otp-27`: what .tool-versions,
 * mise.toml, elixir_buildpack.config or .elixir-version name, else one that mix.exs allows, Debian's first.
 * @throws BerthError `invalid` for what is no version of Elixir
 */
export function elixirVersion(tree: Tree, mix: string): string {
  const config = tree.read('elixir_buildpack.config') ?? ''
  const pins = [
    ...toolPins(tree, 'elixir'),
    ['elixir_buildpack.config', /^elixir_version=["']?v?([^\s"']+)/m.exec(config)?.[1]],
    ['.elixir-version', tree.read('.elixir-version')?.trim()],
  ] as const
  const erlang = toolPins(tree, 'erlang').find(([, text]) => text !== undefined)?.[1]
  const otp = /^\d{2}/.exec(erlang ?? '')?.[0] ?? /^erlang_version=["']?(\d{2})/m.exec(config)?.[1]
  for (const [place, text] of pins) {
    if (text === undefined || text === '') continue
    const match = /^(1\.\d{1,3})(?:\.\d{1,3})?(?:-otp-(\d{2}))?$/.exec(text)
    if (!match)
      throw new BerthError(
        'invalid',
        `${place}: "${text.slice(0, 40)}" is no version of Elixir`,
        `write one such as ${debianElixir.line}, which is to be had everywhere`,
      )
    const release = match[2] ?? otp
    return release === undefined ? (match[1] ?? '') : `${match[1] ?? ''}-otp-${release}`
  }
  const least = /\belixir:\s*"\s*(~>|>=|==)?\s*1\.(\d{1,3})(\.\d+)?/.exec(mix)
  if (!least) return debianElixir.line
  const [, operator = '==', minor = '', patch] = least
  const open = operator === '>=' || (operator === '~>' && patch === undefined)
  if (!open) return `1.${minor}`
  return Number(minor) <= debianElixir.minor ? debianElixir.line : `1.${String(Math.max(Number(minor), usual))}`
}
