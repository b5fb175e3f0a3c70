import { aptReason } from './apt/failure.js'
import type { FailedBuild } from './buildpack.js'
import { foreignReason } from './foreign/failure.js'
import { buildpackOf } from './index.js'
import { registryReason } from './registry-reason.js'

/** Why a build failed, by the last lines that it wrote; null where they do not tell. */
export function reasonOf(buildpack: string, lines: readonly string[], failed: FailedBuild): string | null {
  const apt = failed.image.ownDockerfile !== false ? null : aptReason(lines)
  if (apt !== null) return apt
  for (const name of buildpack.split('+').toReversed()) {
    const reason = name === 'foreign' ? foreignReason(lines) : (buildpackOf(name)?.failure?.(lines, failed) ?? null)
    if (reason !== null) return reason
  }
  return registryReason(lines)
}
