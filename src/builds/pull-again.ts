import { imagesIn } from '../buildpacks/dockerfile/outline.js'
import type { ImagePlan } from '../buildpacks/buildpack.js'
import { isAway } from '../engine-client/errors.js'
import { finished } from '../engine-client/progress.js'
import { messageOf } from '../errors.js'
import type { StackDeps } from '../stacks/ensure.js'
import { authFor, type RegistryAuth } from '../stacks/registries.js'
import type { OperationLog } from './operation-log.js'

/** Berth's engine asks from where the build is; it says what it could not reach, and goes on with what it has. */
export const pulling = { 'X-Build-Pull': 'if-reached' }

/**
 * The same of another engine.
 * @throws Error in the engine's words for an image that is not to be had
 */
export async function pullAgain(
  engine: StackDeps['engine'],
  { dockerfile, args }: ImagePlan,
  auths: Readonly<Record<string, RegistryAuth>>,
  { log, signal }: { readonly log: OperationLog; readonly signal: AbortSignal },
): Promise<void> {
  for (const name of imagesIn(dockerfile, args ?? {}).filter((one) => !one.includes('@') && one !== 'scratch')) {
    try {
      await finished(engine.images.pull(name, signal, authFor(name, auths)))
    } catch (error) {
      signal.throwIfAborted()
      const here = isAway(error) ? null : await engine.images.inspect(name)
      const wasPulled = (here?.RepoDigests ?? []).length > 0
      if (here === null || (wasPulled && saysNo.test(messageOf(error)))) throw error
      log.detail(`WARNING: ${name} is used as it is here: ${messageOf(error)}`)
    }
  }
}

/** What registries, and engines for them, say of an image that is not for the asker. */
const saysNo = /not found|unknown|denied|unauthorized|authentication required|does not exist/i
