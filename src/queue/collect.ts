import { label } from '../config.js'
import { messageOf } from '../errors.js'
import { builderOf } from './buildkit.js'
import type { App } from '../store/apps.js'
import type { Workshop } from './workshop.js'

/** Releases whose images are kept to go back to. */
export const keptReleases = 10

/** Removes an app's images that none of its last ten good releases has. What is still in use now goes the next time. */
export async function collectImages(shop: Workshop, app: App): Promise<void> {
  const releases = await shop.store.releases.list(app.id)
  const good = releases.filter((release) => release.status === 'succeeded').slice(0, keptReleases)
  const kept = new Set([...good.map((release) => release.image), ...running(releases, app.current)])
  await removeImages(shop, app, (image) => !kept.has(image))
}

const running = (releases: readonly { version: number; image: string | null }[], current: number): (string | null)[] =>
  releases.filter((release) => release.version >= current).map((release) => release.image)

/** Removes what an engine of Berth's keeps for the builds of an app; others do not know whose a cache is. */
export async function removeCaches({ docker }: Workshop, app: App): Promise<void> {
  if ((await builderOf(docker)) !== 'here') return
  const options = { all: true, filters: JSON.stringify({ label: [`${label.app}=${app.id}`] }) }
  // dockerode's own pruneBuilder sends no filter, and so would remove the caches of all
  const call = { path: '/build/prune?', method: 'POST', options, statusCodes: { 200: true, 400: 'bad', 500: 'broken' } }
  await new Promise<void>((resolve, reject) => {
    docker.modem.dial(call, (error: Error | null) => (error ? reject(error) : resolve()))
  })
}

/** Removes those of an app's images that `goes` says. */
export async function removeImages(
  { docker, log, config }: Workshop,
  app: App,
  goes: (image: string) => boolean = () => true,
): Promise<void> {
  const labels = { [label.instance]: config.name, [label.app]: app.id }
  const filter = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
  const images = await docker.listImages({ filters: JSON.stringify({ label: filter }) })
  for (const { Id: id, Labels: has } of images) {
    if (Object.entries(labels).some(([key, value]) => has[key] !== value) || !goes(id)) continue
    await docker
      .getImage(id)
      .remove({ force: true })
      .catch((error: unknown) => log.debug({ image: id, error: messageOf(error) }, 'image stays'))
  }
}
