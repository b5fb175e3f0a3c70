import { pipeline } from 'node:stream'
import type { Readable } from 'node:stream'
import { extract } from 'tar-stream'
import type { EngineClient } from '../../engine-client/client.js'
import { refusalStatus } from '../../engine-client/errors.js'
import { BerthError, messageOf } from '../../errors.js'
import { openVolume, volumeTop as top } from '../../scheduler/open-volume.js'
import type { App } from '../../store/apps.js'
import type { ControlApiDeps } from '../platform.js'
import type { FileView } from './contract.js'

/** Marks what is made to reach a volume by: it never runs. */
const label = 'berth.files'
/** A copy takes so long at most, in seconds; what is older was left by an api that was killed. */
const longest = 3600
/** Files that are listed, and bytes that are read for it. */
const [mostFiles, mostBytes] = [1000, 2 ** 30]

/** @throws BerthError `invalid` */
function pathIn(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..') || /\p{Cc}/u.test(path) || Buffer.byteLength(path) > 4000)
    throw new BerthError(
      'invalid',
      `"${path.slice(0, 80)}" is no path in a volume`,
      'write it from the top, without ..',
    )
  return [top, ...parts].join('/')
}

/** Takes away what a killed api has left, which would keep volumes from being destroyed. */
export async function removeStaleReaders(engine: EngineClient): Promise<void> {
  for (const { Id, Created } of await engine.containers.list([label]))
    if (Created < Date.now() / 1000 - longest) await engine.containers.remove(Id)
}

/** See `openVolume`. */
async function openFiles({ store, engine: connect, config }: ControlApiDeps, app: App, name: string) {
  const engine = await connect()
  await removeStaleReaders(engine)
  const open = await openVolume({ store, engine, config }, app, name, label)
  return { engine, id: open.id, [Symbol.asyncDispose]: () => open[Symbol.asyncDispose]() }
}

const noPath = (name: string, path: string): BerthError =>
  new BerthError(
    'missing',
    `there is no ${path.slice(0, 200)} in ${name}`,
    '`berth storage:browse` lists what is there',
  )

/** What lies at a path of a volume, as a tar archive. @throws BerthError `missing`, `invalid` */
export async function* archiveOf(
  platform: ControlApiDeps,
  app: App,
  { volume, path }: { readonly volume: string; readonly path: string },
): AsyncGenerator<Buffer, void, void> {
  const inside = pathIn(path)
  await using open = await openFiles(platform, app, volume)
  const archive = await open.engine.containers.get(open.id, inside)
  if (archive === null) throw noPath(volume, path)
  for await (const chunk of archive) yield chunk as Buffer
}

/** Unpacks a tar archive in a directory of a volume; all of it belongs to the app's user. @throws BerthError `missing`, `invalid` */
export async function putArchive(
  platform: ControlApiDeps,
  app: App,
  { volume, path }: { readonly volume: string; readonly path: string },
  archive: Readable,
): Promise<void> {
  const inside = pathIn(path)
  await using open = await openFiles(platform, app, volume)
  await open.engine.containers
    .putStream(open.id, archive, { path: inside, toUser: true }, longest * 1000)
    .catch((error: unknown) => {
      if (refusalStatus(error) === 404) throw noPath(volume, path)
      if (refusalStatus(error) === undefined) throw error
      throw new BerthError('invalid', `not all of it was copied: ${messageOf(error)}`, undefined, error)
    })
}

/** What a directory of a volume holds, or the file at a path. @throws BerthError `missing`, `invalid`, `large` */
export async function filesOf(
  platform: ControlApiDeps,
  app: App,
  at: { readonly volume: string; readonly path: string },
): Promise<FileView[]> {
  const archive = archiveOf(platform, app, at)
  let bytes = 0
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of archive) {
      bytes += chunk.length
      if (bytes > mostBytes)
        throw new BerthError('large', 'it holds too much to be listed', 'name a directory below it, or `berth run ls`')
      yield chunk
    }
  }
  const files: FileView[] = []
  // a pipe would leave the reader waiting for an archive that breaks off
  for await (const entry of pipeline(counted, extract(), () => undefined)) {
    const { name, type, size, uid, gid, mode, mtime, linkname } = entry.header
    const [first = '', ...rest] = name.split('/').filter((part) => part !== '')
    const isTop = rest.length === 0
    entry.resume()
    if (rest.length > 1 || (isTop && type === 'directory')) continue
    if (files.length === mostFiles)
      throw new BerthError('large', `it holds more than ${mostFiles} files`, 'name one of them, or `berth run ls`')
    files.push({
      name: rest[0] ?? first,
      type,
      ...{ size, uid, gid },
      mode: mode & 0o7777,
      modifiedAt: mtime.toISOString(),
      target: type === 'symlink' ? linkname : null,
    })
  }
  return files.sort((a, b) => (a.name < b.name ? -1 : 1))
}
