import { EngineError, messageOf } from '../errors.js'
import type { ImageStore } from '../images/store.js'
import type { StoredImage } from '../oci/document.js'
import type { StatusLine } from '../oci/progress.js'
import { familiarName, parseReference, type Reference } from '../oci/reference.js'
import { isPassing, RegistryError } from '../registry/faults.js'
import type { Registry } from '../registry/registry.js'
import type { BuildRequest } from './job.js'
import { demandVisible, visibleImage } from './visible.js'

/** Where the images that a build begins with come from. */
export interface BaseImages {
  readonly images: ImageStore
  readonly registry: Pick<Registry, 'pull'>
}

/** Whether a name means the same image for ever: it is an id, or has a digest. */
const isPinned = (name: string): boolean => /^(sha256:)?[0-9a-f]{64}$|@/.test(name)

/**
 * An image that a build begins with: as it is here, or as its registry has it.
 * @throws EngineError `missing` when it is not here and cannot be pulled
 */
export async function baseImage(
  { images, registry }: BaseImages,
  request: Pick<BuildRequest, 'owner' | 'pull' | 'keyring' | 'sandbox' | 'out'>,
  name: string,
  signal: AbortSignal,
): Promise<StoredImage> {
  // a name that is another's is not pulled either: that would take it from him
  const here = visibleImage(images, name, request.owner)
  if (here && (!request.pull || isPinned(name))) return here
  const reference = parseReference(name)
  const pulled = await pull(registry, reference, request, signal).catch(async (failure: unknown) => {
    signal.throwIfAborted()
    if (!(failure instanceof RegistryError || failure instanceof EngineError)) throw failure
    if (here && request.pull === 'if-reached' && serves(images, here, reference, failure)) {
      await request.out(`WARNING: ${name} is used as it is here: ${messageOf(failure)}\n`)
      return here
    }
    // a registry out of reach is told at the FROM that names it
    throw failure instanceof RegistryError ? new EngineError('missing', failure.message, failure) : failure
  })
  demandVisible(pulled, name, request.owner)
  return pulled
}

function pull(
  registry: BaseImages['registry'],
  reference: Reference,
  { owner, keyring, sandbox, out }: Pick<BuildRequest, 'owner' | 'keyring' | 'sandbox' | 'out'>,
  signal: AbortSignal,
): Promise<StoredImage> {
  const tell = ({ status = '', id, progressDetail }: StatusLine) =>
    progressDetail?.current === undefined ? out(`${id === undefined ? '' : `${id}: `}${status}\n`) : undefined
  // what an app's Dockerfile names is asked for from where its RUN steps could ask
  const outlet = owner === undefined ? undefined : sandbox
  return registry.pull(reference, '', { tell, signal, credentials: keyring?.(reference.domain), outlet })
}

/** Whether an image that is here serves although it was not pulled again. */
function serves(images: ImageStore, here: StoredImage, reference: Reference, failure: EngineError): boolean {
  if (isPassing(failure)) return true
  // one that was pulled from there, and is not given any more, is not meant any more
  const wasPulled = images.digests.of(here.id).some((one) => one.startsWith(`${familiarName(reference)}@`))
  return !wasPulled && (failure.fault === 'missing' || (failure instanceof RegistryError && failure.status === 401))
}
