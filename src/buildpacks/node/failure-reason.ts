import { npmReason } from './npm-reason.js'

/** Lines by which other package managers, and the last step of a site's build, say why they failed. */
const reasons: readonly (readonly [string, RegExp])[] = [
  ['yarn', /^error (?!Command failed)(\S.*)$/],
  // what went wrong, of all that Yarn has a number for
  ['yarn', /^➤ YN00(?:01|16|18|27|28|35|41|82): (?:[│┌└·] ?)*(\S.*)$/],
  ['pnpm', /^\[?ERR_PNPM_\w+\]?\s+(\S.*)$/],
  ['bun', /^error: (\S.*)$/],
  ['', /^(The build made no site: .*)$/],
]

/** Why a build failed, by the last lines that it wrote: the reason of the package manager; null when it is not told. */
export function failureReason(lines: readonly string[]): string | null {
  const ofNpm = npmReason(lines)
  if (ofNpm !== null) return ofNpm
  for (const line of lines)
    for (const [name, pattern] of reasons) {
      const said = pattern.exec(line.trim())?.[1]
      if (said !== undefined) return name === '' ? said : `${name}: ${said}`
    }
  return null
}
