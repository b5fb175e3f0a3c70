import { intersects, validRange } from 'semver'
import { BerthError } from '../errors.js'

/** Majors of Node.js that Berth can make a stack image of. */
export const nodeMajors: readonly number[] = [20, 22, 24, 26]
export const defaultNodeMajor = 24

/** Name of the stack image of a major; the same as the official image's. */
export const nodeImage = (major: number): string => `node:${String(major)}-bookworm-slim`

/**
 * The major for a package.json's `engines.node`: the default when the range allows it, else the newest it allows.
 * @throws BerthError `invalid` when the range allows none, or is not a range
 */
export function nodeMajor(range: string | undefined): number {
  if (range === undefined || range.trim() === '') return defaultNodeMajor
  const supported = `Berth has Node.js ${nodeMajors.join(', ')}`
  if (validRange(range) === null)
    throw new BerthError(
      'invalid',
      `package.json: engines.node "${range}" is not a version range`,
      `${supported}; write "24.x", say`,
    )
  const allowed = nodeMajors.filter((major) => intersects(range, `${String(major)}.x`))
  const newest = allowed.at(-1)
  if (newest === undefined)
    throw new BerthError(
      'invalid',
      `package.json: engines.node "${range}" allows no version Berth has`,
      `${supported}; write "24.x", say`,
    )
  return allowed.includes(defaultNodeMajor) ? defaultNodeMajor : newest
}
