import { randomBytes } from 'node:crypto'
import type { Config } from '../config.js'
import type { EngineClient } from '../engine-client/client.js'
import { BerthError } from '../errors.js'
import type { App } from '../store/apps.js'
import type { Store } from '../store/store.js'
import { settingsOf, volumeOf } from './settings.js'

/** Where the volume is in it. */
export const volumeTop = '/volume'

export const noVolume = (app: Pick<App, 'name'>, name: string): BerthError =>
  new BerthError(
    'missing',
    `${app.name} has no volume ${name.slice(0, 64)}`,
    '`berth storage` lists the volumes of an app',
  )

/** A container that has a volume, until it is disposed of. */
export interface OpenVolume extends AsyncDisposable {
  readonly id: string
}

/**
 * A container with the volume of an app at `/volume`, which does not run: engines show files of containers alone.
 * @param label marks it, for whoever cleans up after one that was killed
 * @throws BerthError `missing`, `conflict` before the first push
 */
export async function openVolume(
  { store, engine, config }: { readonly store: Store; readonly engine: EngineClient; readonly config: Config },
  app: App,
  name: string,
  label: string,
): Promise<OpenVolume> {
  const release = await store.releases.current(app)
  const source = volumeOf(app.id, name)
  if ((await engine.volumes.find(source)) === null) throw noVolume(app, name)
  if (release.image === null)
    throw new BerthError(
      'conflict',
      `nothing of ${app.name} says yet whose its files are`,
      'push it first: `git push berth main`',
    )
  const { user } = settingsOf(release, 'run')
  const id = await engine.containers.create({
    name: `berth-files-${randomBytes(6).toString('hex')}`,
    Image: release.image,
    Entrypoint: ['/nothing'],
    ...(user === undefined ? {} : { User: user }),
    Labels: { [label]: config.name },
    HostConfig: {
      NetworkMode: 'none',
      Annotations: { 'berth.userns': app.id },
      Mounts: [
        {
          Type: 'volume',
          Source: source,
          Target: volumeTop,
          ReadOnly: false,
          VolumeOptions: { NoCopy: true } as never,
        },
      ],
    },
  })
  return {
    id,
    [Symbol.asyncDispose]: async () => {
      await engine.containers.remove(id)
    },
  }
}
