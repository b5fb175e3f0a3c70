import { rm } from 'node:fs/promises'
import { label } from '../config.js'
import { messageOf } from '../errors.js'
import type { App } from '../store/apps.js'
import { imagesOf, keptReleases, type Release } from '../store/releases.js'
import { operationFiles } from '../builds/files.js'
import type { OperationDeps } from './deps.js'

/** Releases whose images are kept to go back to. */
const keptImages = 10

/** Removes an app's images that none of its last ten good releases has. What is still in use now goes the next time. */
export async function collectImages(deps: OperationDeps, app: App): Promise<void> {
  const releases = await deps.store.releases.list(app.id)
  const kept = new Set([...lastGood(releases), ...inUse(releases, app)].flatMap(imagesOf))
  await removeImages(deps, app, (image) => !kept.has(image))
}

const lastGood = (releases: readonly Release[]): Release[] =>
  releases.filter((release) => release.status === 'succeeded').slice(0, keptImages)

const inUse = (releases: readonly Release[], { current, canary }: App): Release[] =>
  releases.filter(({ version, status }) => [current, canary?.release].includes(version) || status === 'pending')

/**
 * Forgets what is too old of an app: operations with their logs, and releases with their config vars. The current release
 * and the canary's stay, and those whose images are kept. Only the worker, which serialises an app's changes, may call it.
 */
export async function trim({ store, config }: OperationDeps, app: App): Promise<void> {
  for (const id of await store.operations.trim(app.id)) await rm(operationFiles(config, id).log, { force: true })
  if ((await store.releases.count(app.id)) <= keptReleases) return
  const releases = await store.releases.list(app.id)
  const kept = new Set([...releases.slice(0, keptReleases), ...lastGood(releases), ...inUse(releases, app)])
  const old = releases.filter((release) => !kept.has(release))
  await store.releases.remove(
    app.id,
    old.map(({ version }) => version),
  )
}

/** Removes what an engine of Berth's keeps for the builds of an app; others do not know whose a cache is. */
export async function removeCaches({ engine }: OperationDeps, app: App): Promise<void> {
  if ((await engine.builds.builder()) === 'here') await engine.builds.prune(`${label.app}=${app.id}`)
}

/** Removes those of an app's images that `goes` says. */
export async function removeImages(
  { engine, log, config }: OperationDeps,
  app: App,
  goes: (image: string) => boolean = () => true,
): Promise<void> {
  const labels = { [label.instance]: config.name, [label.app]: app.id }
  const filter = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
  for (const { Id: id, Labels: has } of await engine.images.list(filter)) {
    if (Object.entries(labels).some(([key, value]) => has[key] !== value) || !goes(id)) continue
    await engine.images
      .remove(id)
      .catch((error: unknown) => log.debug({ image: id, error: messageOf(error) }, 'image stays'))
  }
}
