import { buildReason } from './build-reason.js'
import { npmReason } from './npm-reason.js'

/** Lines by which other package managers say why they failed. */
const reasons: readonly (readonly [string, RegExp])[] = [
  ['yarn', /^error (?!Command failed|during build:|TS\d)(\S.*)$/],
  // what went wrong, of all that Yarn has a number for
  ['yarn', /^➤ YN00(?:01|16|18|27|28|35|41|82): (?:[│┌└·] ?)*(\S.*)$/],
  ['pnpm', /^\[?ERR_PNPM_\w+\]?\s+(\S.*)$/],
  ['bun', /^error: (\S.*)$/],
]
/** What the last step of a site's build says: where the build itself has said more, that is the reason. */
const noSite = /^The build made no site: .*$/

/** What Turborepo writes before each line of a task: `web:build: `. */
const task = /^[@\w./-]+:[a-z][\w:-]*: /i

/** Why a build failed, by the last lines that it wrote: the reason of the package manager or of what built; null when it is not told. */
export function failureReason(written: readonly string[]): string | null {
  const lines = written.map((line) => line.replace(task, ''))
  // a package manager that runs the build says only that it failed
  const known = buildReason(lines) ?? npmReason(lines)
  if (known !== null) return known
  for (const line of lines)
    for (const [name, pattern] of reasons) {
      const said = pattern.exec(line.trim())?.[1]
      if (said !== undefined) return `${name}: ${said}`
    }
  return lines.map((line) => line.trim()).find((line) => noSite.test(line)) ?? null
}
