import { pipeline, Transform } from 'node:stream'
import { demand, type Caller } from '../../access/caller.js'
import { checkVolumeName } from '../../changes/mount.js'
import { label } from '../../config.js'
import { BerthError } from '../../errors.js'
import { noVolume } from '../../scheduler/open-volume.js'
import { volumeOf } from '../../scheduler/settings.js'
import type { App } from '../../store/apps.js'
import { placesOfVolumes } from '../../store/mounts.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import { submitChange } from '../submit.js'
import type { VolumeView } from './contract.js'
import { archiveOf, filesOf, putArchive, removeStaleReaders } from './files.js'

/** The volumes of an app: those that the engine has, and those that its release names. */
export async function volumesOf({ store, engine, config }: ControlApiDeps, app: App): Promise<VolumeView[]> {
  const labels = [`${label.instance}=${config.name}`, `${label.app}=${app.id}`]
  const [release, made] = await Promise.all([store.releases.current(app), (await engine()).volumes.list(labels)])
  const places = placesOfVolumes(release)
  const prefix = volumeOf(app.id, '')
  const there = new Map(
    // those without a name are their processes'
    made.filter(({ name }) => name.startsWith(prefix)).map((volume) => [volume.name.slice(prefix.length), volume]),
  )
  const names = new Set([...there.keys(), ...places.map(({ name }) => name)])
  return [...names].sort().map((name) => {
    const mounts = places.filter((place) => place.name === name)
    const size = Number(there.get(name)?.options.size ?? mounts.find((one) => one.size !== undefined)?.size)
    return {
      name,
      createdAt: there.get(name)?.createdAt ?? null,
      host: there.get(name)?.options.device ?? mounts.find((one) => one.host !== undefined)?.host ?? null,
      size: Number.isSafeInteger(size) ? size : null,
      mounts: mounts.map(({ target, types, readOnly, exclusive, from }) => ({
        ...{ target, types: [...types], readOnly: readOnly ?? false, exclusive, from },
      })),
    }
  })
}

/** @throws BerthError `denied` for who is no administrator, `invalid` where whoever has the server does not let it be mounted */
function checkHost({ config }: ControlApiDeps, host: string, caller: Caller): void {
  demand(caller, 'admin', null)
  if (config.hostDirectories.includes(host)) return
  const known = config.hostDirectories.join(', ')
  throw new BerthError(
    'invalid',
    `${host.slice(0, 100)} is no directory of the server that may be mounted`,
    `${known === '' ? 'none may' : `${known} may`}: root says which, in BERTH_HOST_DIRECTORIES of berth.env`,
  )
}

export const storageHandlers = (platform: ControlApiDeps): HandlersOf<'storage'> => ({
  list: (_, { app }) => volumesOf(platform, app),

  mount: ({ volume: name, target, types, readOnly, exclusive, size, host }, { app, caller }) => {
    if (host !== undefined) checkHost(platform, host, caller)
    const change = {
      ...{ kind: 'mount' as const, name, target },
      ...(types === undefined ? {} : { types }),
      ...(readOnly ? { readOnly } : {}),
      ...(exclusive ? { exclusive } : {}),
      ...(size === undefined ? {} : { size }),
      ...(host === undefined ? {} : { host }),
    }
    return submitChange(platform, app, change, caller)
  },

  browse: (at, { app }) => filesOf(platform, app, at),

  get: (at, { app }) => Promise.resolve(archiveOf(platform, app, at)),

  put: async (at, { app, archive }) => {
    if (archive === undefined) throw new Error('the contract says that there is one')
    const room = await platform.meter.roomOf(app)
    if (room <= 0) throw platform.meter.refusalOf(app, room, 1)
    let bytes = 0
    let refusal: BerthError | undefined
    const counted = new Transform({
      transform: (chunk: Buffer, _, done) => {
        bytes += chunk.length
        refusal = bytes > room ? platform.meter.refusalOf(app, room, bytes) : undefined
        if (refusal) done(refusal)
        else done(null, chunk)
      },
    })
    pipeline(archive, counted, () => undefined)
    await putArchive(platform, app, at, counted).catch((error: unknown) => {
      throw refusal ?? error
    })
    return { bytes }
  },

  destroy: async ({ volume, confirm }, { app, caller }) => {
    checkVolumeName(volume)
    const engine = await platform.engine()
    if ((await engine.volumes.find(volumeOf(app.id, volume))) === null) throw noVolume(app, volume)
    await removeStaleReaders(engine)
    if (confirm !== volume)
      throw new BerthError(
        'invalid',
        `"${confirm.slice(0, 80)}" is not the name of the volume to destroy, "${volume}"`,
        'repeat the name of the volume to confirm',
      )
    return submitChange(platform, app, { kind: 'destroy-volume', name: volume }, caller)
  },
})
