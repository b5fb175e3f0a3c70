import { EngineError, isFault, messageOf } from '../errors.js'
import { checkPlatform, checkRequest } from './checks.js'
import type { ContainerDeps } from './container.js'
import { dropUnsupported } from './unsupported.js'
import type { Platform } from '../oci/manifest.js'
import { parseReference } from '../oci/reference.js'
import { planMounts, type PlannedMount } from './mounts.js'
import { newId } from './names.js'
import { networksOf } from './network-request.js'
import { type ContainerConfig, type ContainerRecord, type MountPoint } from './record.js'
import { newState, timestamp } from './state.js'
import { configOf, hostConfigOf } from './request.js'
import { checkCreateRequest } from './shape.js'
import { inheritedMounts } from './volumes-from.js'

/** What a client asks for. */
export interface ContainerRequest {
  /** Its own, or one that was made up for it. */
  readonly name: string
  /** The request's, as it came. */
  readonly body: unknown
  /** `os[/architecture]`; '' is any. */
  readonly platform: Platform | undefined
}

/**
 * Makes the record of a container, having checked all that was asked. Nothing is on disk of it yet, nor are its volumes.
 * @throws EngineError `invalid`, `missing` (image, network, another container)
 */
export async function buildRecord(
  deps: ContainerDeps,
  { name, body, platform }: ContainerRequest,
): Promise<{
  record: ContainerRecord
  mounts: readonly PlannedMount[]
  warnings: readonly string[]
}> {
  checkCreateRequest(body)
  const reference = (body as { Image?: string | null } | null)?.Image
  if (!reference) throw new EngineError('invalid', 'no image specified')
  if (!/^(sha256:)?[0-9a-f]+$/.test(reference)) parseReference(reference)
  const image = await deps.images.get(reference)
  checkPlatform(platform, reference, image)
  const config = configOf(body, image)
  const { host: hostConfig, warnings } = dropUnsupported(hostConfigOf(body, deps.driver.name))
  const inherited = naming(() => {
    checkRequest(deps, config, hostConfig)
    return inheritedMounts(deps, hostConfig)
  })
  const networks = networksOf(body, hostConfig.NetworkMode)
  const mounts = await planMounts(without(config, inherited), hostConfig, deps)
  const own = mounts.map(({ point }) => point)
  const record: ContainerRecord = {
    id: newId(),
    name,
    created: timestamp(),
    image: image.id,
    config,
    hostConfig,
    networks,
    mounts: [...inherited.filter(({ target }) => !own.some((point) => point.target === target)), ...own],
    state: newState(),
    endpoints: [],
    ports: [],
  }
  return { record, mounts, warnings }
}

/** A container that is not there makes the request that names it invalid, as with dockerd. */
function naming<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw isFault(error, 'missing') ? new EngineError('invalid', messageOf(error), error) : error
  }
}

/** The image's volumes are not made where a mount of another container comes. */
function without(config: ContainerConfig, taken: readonly MountPoint[]): ContainerConfig {
  const volumes = Object.entries(config.Volumes ?? {}).filter(([path]) => !taken.some(({ target }) => target === path))
  return { ...config, Volumes: Object.fromEntries(volumes) }
}
