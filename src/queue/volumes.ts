import { label } from '../config.js'
import { refusalStatus } from '../engine-client/errors.js'
import { BerthError, messageOf } from '../errors.js'
import { volumeLabels, volumeOf, volumeOptions } from '../scheduler/settings.js'
import type { App } from '../store/apps.js'
import type { OperationDeps } from './deps.js'

type VolumeDeps = Pick<OperationDeps, 'engine' | 'config' | 'meter'>

/** See `Making.createVolume`. */
export async function createVolume(
  { engine, config, meter }: VolumeDeps,
  app: App,
  name: string,
  size: number | undefined,
): Promise<void> {
  const options = volumeOptions(size)
  // all its blocks are taken at once
  if (size !== undefined && (await engine.volumes.find(volumeOf(app.id, name))) === null)
    await meter?.demandRoom(app, size)
  const made = await engine.volumes
    .create(volumeOf(app.id, name), volumeLabels(config.name, app.id), options)
    .catch((error: unknown) => {
      if (refusalStatus(error) === undefined) throw error
      throw new BerthError('conflict', `the volume ${name} cannot be made: ${messageOf(error)}`, undefined, error)
    })
  if (size !== undefined && made.options.size !== options.size)
    throw new BerthError(
      'conflict',
      `the volume ${name} is there already, ${made.options.size === undefined ? 'without a limit' : `of ${made.options.size} bytes`}`,
      'mount it without --size, or mount a new volume of that size at another place and move what is in it',
    )
}

/** Removes an app's volumes, with all that is in them. @throws EngineRefusal for one that a container has still */
export async function removeVolumes({ engine, config }: VolumeDeps, app: App): Promise<void> {
  const labels = [`${label.instance}=${config.name}`, `${label.app}=${app.id}`]
  for (const { name } of await engine.volumes.list(labels)) await engine.volumes.remove(name)
}

/** See `Acting.removeVolume`. */
export async function removeVolume({ engine }: VolumeDeps, app: App, name: string): Promise<void> {
  await engine.volumes.remove(volumeOf(app.id, name)).catch((error: unknown) => {
    if (refusalStatus(error) !== 409) throw error
    throw new BerthError(
      'conflict',
      `a process has the volume ${name} still`,
      'one that `berth run` or cron started, or that is being replaced: wait for its end, and try again',
    )
  })
}
