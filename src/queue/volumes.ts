import { setTimeout as delay } from 'node:timers/promises'
import { label } from '../config.js'
import { refusalStatus } from '../engine-client/errors.js'
import { BerthError, messageOf } from '../errors.js'
import { volumeLabels, volumeOf, volumeOptions } from '../scheduler/settings.js'
import type { AppMount } from '../process-settings.js'
import type { App } from '../store/apps.js'
import type { OperationDeps } from './deps.js'

type VolumeDeps = Pick<OperationDeps, 'engine' | 'config' | 'meter'>

/** See `Making.createVolume`. */
export async function createVolume(
  { engine, config, meter }: VolumeDeps,
  app: App,
  name: string,
  { size, host }: Pick<AppMount, 'size' | 'host'>,
): Promise<void> {
  const options = volumeOptions({ size, host })
  // all its blocks are taken at once
  if (size !== undefined && (await engine.volumes.find(volumeOf(app.id, name))) === null)
    await meter?.demandRoom(app, size)
  const made = await engine.volumes
    .create(volumeOf(app.id, name), volumeLabels(config.name, app.id), options)
    .catch((error: unknown) => {
      if (refusalStatus(error) === undefined) throw error
      throw new BerthError('conflict', `the volume ${name} cannot be made: ${messageOf(error)}`, undefined, error)
    })
  if ((made.options.device ?? host) !== host || (host !== undefined && made.options.device !== host))
    throw new BerthError(
      'conflict',
      `the volume ${name} is there already, ${made.options.device === undefined ? 'and is none of a directory of the server' : `of ${made.options.device}`}`,
      'mount a volume of another name',
    )
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

/** A process that is being replaced ends within its grace; ms, with some for its end to be seen. */
const mostMs = 60_000
/** ms between two looks at whether it has. */
const lookMs = 250

/** See `Acting.removeVolume`. Processes that are being replaced are waited for. */
export async function removeVolume({ engine }: VolumeDeps, app: App, name: string, signal: AbortSignal): Promise<void> {
  const volume = volumeOf(app.id, name)
  for (const until = Date.now() + mostMs; ;) {
    try {
      await engine.volumes.remove(volume)
      return
    } catch (error) {
      if (refusalStatus(error) !== 409) throw error
      if (Date.now() > until || (await isHeldLong(engine, app, volume)))
        throw new BerthError(
          'conflict',
          `a process has the volume ${name} still`,
          'one that `berth run` or cron started: wait for its end, and try again',
        )
    }
    await delay(lookMs, undefined, { signal })
  }
}

/** Whether somebody has it who does not end by himself soon. */
async function isHeldLong({ containers }: OperationDeps['engine'], { id }: App, volume: string): Promise<boolean> {
  const holders = (await containers.list([`${label.app}=${id}`])).filter(({ Mounts }) =>
    Mounts.some(({ Name }) => Name === volume),
  )
  return holders.some(({ Labels }) => Labels[label.run] !== undefined || Labels[label.type] === 'run')
}
