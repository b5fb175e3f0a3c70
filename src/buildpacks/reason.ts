import { aptReason } from './apt/failure.js'
import type { Plan } from './buildpack.js'
import { buildpackOf } from './index.js'

/** Why a build of a plan failed, by the last lines that it wrote; null where they do not tell. */
export function reasonOf({ buildpack, ownDockerfile }: Plan, lines: readonly string[]): string | null {
  const apt = ownDockerfile ? null : aptReason(lines)
  if (apt !== null) return apt
  for (const name of buildpack.split('+').toReversed()) {
    const reason = buildpackOf(name)?.failure?.(lines) ?? null
    if (reason !== null) return reason
  }
  return null
}
