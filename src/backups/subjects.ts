import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { label } from '../config.js'
import { BerthError } from '../errors.js'
import { noVolume, openVolume, volumeTop } from '../scheduler/open-volume.js'
import { volumeOf } from '../scheduler/settings.js'
import { dumpService } from '../services/dump.js'
import { factsOf } from '../services/facts.js'
import type { ServiceLookDeps } from '../services/server.js'
import type { App } from '../store/apps.js'
import type { BackupSubject } from '../store/backups.js'
import type { Service } from '../store/services.js'

/** Label of the containers that volumes are read and written by. */
export const backupLabel = 'berth.backup'

/** What is backed up, and since when it is there. */
export interface KnownSubject extends BackupSubject {
  /** RFC 3339; '' where nobody knows. */
  readonly since: string
  /** It is a service that somebody has stopped: nothing of it changes, and it cannot be asked for a dump. */
  readonly idle: boolean
}

export const ofService = ({ id, name }: Pick<Service, 'id' | 'name'>): BackupSubject => ({ type: 'service', id, name })

export const ofVolume = (app: Pick<App, 'id' | 'name'>, volume: string): BackupSubject => ({
  type: 'volume',
  id: `${app.id}/${volume}`,
  name: `${app.name}/${volume}`,
})

/** The two parts of a volume's id or name. */
export function partsOf(text: string): { readonly app: string; readonly volume: string } {
  const at = text.indexOf('/')
  return { app: text.slice(0, at), volume: text.slice(at + 1) }
}

/**
 * What somebody has named: `blog-db`, or `blog/data`.
 * @throws BerthError `missing` where it is not there, `invalid` where it keeps nothing, `conflict` before its first start
 */
export async function findSubject(deps: ServiceLookDeps, name: string): Promise<BackupSubject> {
  if (!name.includes('/')) {
    const service = await deps.store.services.get(name)
    if (factsOf(service).backup === null)
      throw new BerthError('invalid', `${service.name} keeps nothing that could be backed up`)
    return ofService(service)
  }
  const { app: of, volume } = partsOf(name)
  const app = await deps.store.apps.get(of)
  if ((await deps.engine.volumes.find(volumeOf(app.id, volume))) === null) throw noVolume(app, volume)
  return ofVolume(app, volume)
}

/** All that there is to back up, by name. */
export async function allSubjects(deps: ServiceLookDeps): Promise<KnownSubject[]> {
  const { store, engine, config } = deps
  const subjects: KnownSubject[] = []
  for (const service of await store.services.list()) {
    if (service.scratch || service.wants === 'gone' || !service.hasData || !service.facts?.backup) continue
    subjects.push({ ...ofService(service), since: service.createdAt, idle: service.wants === 'stopped' })
  }
  const apps = new Map((await store.apps.list()).map((app) => [app.id, app]))
  for (const { name, createdAt, labels, options } of await engine.volumes.list([`${label.instance}=${config.name}`])) {
    const app = apps.get(labels[label.app] ?? '')
    const prefix = app === undefined ? '' : volumeOf(app.id, '')
    // those without a name are their processes'
    if (app === undefined || !name.startsWith(prefix)) continue
    // a directory of the server is whoever's it is
    if (options.device !== undefined) continue
    subjects.push({ ...ofVolume(app, name.slice(prefix.length)), since: createdAt, idle: false })
  }
  return subjects.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** What a dump is of. */
export interface DumpedData {
  /** Kind of the service, or `files`. */
  readonly kind: string
  readonly version: string | null
  readonly size: { readonly memory: number; readonly cpus: number; readonly shared?: true } | null
}

/** Writes a dump of a subject; `output` is ended. @throws BerthError where it is not whole */
export async function dumpSubject(
  deps: ServiceLookDeps,
  subject: BackupSubject,
  output: Writable,
  signal: AbortSignal,
): Promise<DumpedData> {
  if (subject.type === 'volume') return dumpVolume(deps, subject, output, signal)
  const service = await deps.store.services.find(subject.id)
  if (service === null) throw new BerthError('missing', `${subject.name} is gone`)
  await dumpService(deps, service, output, signal)
  await new Promise<void>((resolve, reject) => output.once('error', reject).end(resolve))
  const { kind, version, memory, cpus, shared } = service
  return { kind, version, size: { memory, cpus, ...(shared && { shared }) } }
}

/** Files as they are while they are read, one after the other: what writes to several at once may be caught between two. */
async function dumpVolume(
  deps: ServiceLookDeps,
  { id, name }: BackupSubject,
  output: Writable,
  signal: AbortSignal,
): Promise<DumpedData> {
  const { app: appId, volume } = partsOf(id)
  const app = await deps.store.apps.find(appId)
  if (app === null) throw new BerthError('missing', `${name} is gone`)
  await using open = await openVolume(deps, app, volume, backupLabel)
  const archive = await deps.engine.containers.get(open.id, volumeTop)
  if (archive === null) throw noVolume(app, volume)
  await pipeline(archive, output, { signal })
  return { kind: 'files', version: null, size: null }
}
