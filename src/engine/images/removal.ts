import { EngineError } from '../errors.js'
import type { Digest } from '../records.js'
import { flagOf } from '../system/filters.js'
import type { StoredImage } from '../oci/document.js'
import { type Filters, matches } from './filters.js'
import { familiarName, parseReference } from '../oci/reference.js'
import type { ImageStore } from './store.js'

/** What `DELETE /images/{name}` answers. */
export type Removed = { readonly Untagged: string } | { readonly Deleted: string }

const short = (id: Digest): string => id.replace('sha256:', '').slice(0, 12)

/**
 * Removes a name, and the image when it was the last; or an image by id with its one name (all of them when forced).
 * Messages are dockerd's: clients show and match them.
 * @throws EngineError `missing` or `conflict`
 */
export async function removeImage(store: ImageStore, reference: string, force: boolean): Promise<Removed[]> {
  const { image, name } = store.find(reference)
  const tags = store.tags.of(image.id)
  const digests = store.digests.of(image.id)
  const [container] = store.usage.ofImage(image.id)
  const removed: Removed[] = []
  const gone = name === undefined ? [...tags, ...digests] : [name, ...orphans(name, tags, digests)]
  const last = gone.length >= tags.length + digests.length
  if (name === undefined && !force && (tags.length > 1 || new Set(gone.map(repositoryOf)).size > 1))
    throw new EngineError(
      'conflict',
      `conflict: unable to delete ${short(image.id)} (must be forced) - image is referenced in multiple repositories`,
    )
  if (last && name === undefined) {
    const running = store.usage.ofImage(image.id).find((id) => store.usage.isRunning?.(id) === true)
    const [user, state, may] =
      running === undefined ? [container, 'stopped', 'must be'] : [running, 'running', 'cannot be']
    if (user !== undefined && (!force || running !== undefined))
      throw new EngineError(
        'conflict',
        `conflict: unable to delete ${short(image.id)} (${may} forced) - image is being used by ${state} container ${user.slice(0, 12)}`,
      )
  } else if (last && container !== undefined && !force)
    throw new EngineError(
      'conflict',
      `conflict: unable to remove repository reference "${name ?? ''}" (must force) - container ${container.slice(0, 12)} is using its referenced image ${short(image.id)}`,
    )
  if (last && container === undefined) await store.retire(image)
  for (const one of gone) {
    await store.untag(one)
    removed.push({ Untagged: one })
  }
  // A container still needs the layers: the image stays, nameless, until the container is gone and it is pruned.
  if (last && container === undefined)
    removed.push(...(await destroy(store, image)).removed, ...(await pruneParents(store, image)))
  return removed
}

/** Removes what an image was committed from, as far up as it has no name and nothing else needs it. */
async function pruneParents(store: ImageStore, child: StoredImage): Promise<Removed[]> {
  const removed: Removed[] = []
  for (let next = child.document.parent; next !== undefined;) {
    const parent = store.all().find(({ id }) => id === next)
    const needed =
      parent === undefined ||
      [store.tags.of(parent.id), store.digests.of(parent.id), store.usage.ofImage(parent.id)].some(
        (users) => users.length > 0,
      ) ||
      store.all().some(({ document }) => document.parent === parent.id)
    if (needed) break
    await store.retire(parent)
    removed.push(...(await destroy(store, parent)).removed)
    next = parent.document.parent
  }
  return removed
}

const repositoryOf = (name: string): string => familiarName(parseReference(name))

/** Names by digest that go with a tag: those of its repository, when it was the last tag there. */
function orphans(name: string, tags: readonly string[], digests: readonly string[]): string[] {
  const repository = repositoryOf(name)
  if (!tags.includes(name) || tags.some((one) => one !== name && repositoryOf(one) === repository)) return []
  return digests.filter((one) => repositoryOf(one) === repository)
}

/** Removes images that nothing needs: those without a name, or (`dangling` false) all that no container is made from. */
export async function pruneImages(
  store: ImageStore,
  filters: Filters,
): Promise<{ ImagesDeleted: Removed[] | null; SpaceReclaimed: number }> {
  const onlyDangling = flagOf(filters, 'dangling') ?? true
  const others = new Map([...filters].filter(([key]) => key !== 'dangling'))
  const removed: Removed[] = []
  let freed = 0
  for (const image of store.all()) {
    const names = [...store.tags.of(image.id), ...store.digests.of(image.id)]
    if ((onlyDangling && names.length > 0) || store.usage.ofImage(image.id).length > 0) continue
    if (!matches(store, image, others)) continue
    await store.retire(image)
    for (const name of names) {
      await store.untag(name)
      removed.push({ Untagged: name })
    }
    const deleted = await destroy(store, image)
    removed.push(...deleted.removed)
    freed += deleted.freed
  }
  if (removed.length > 0) await store.knownBlobs.save()
  return { ImagesDeleted: removed.length > 0 ? removed : null, SpaceReclaimed: freed }
}

async function destroy(store: ImageStore, image: StoredImage): Promise<{ removed: Removed[]; freed: number }> {
  const { layers, freed } = await store.delete(image)
  return { removed: [{ Deleted: image.id }, ...layers.reverse().map((diffId) => ({ Deleted: diffId }))], freed }
}
