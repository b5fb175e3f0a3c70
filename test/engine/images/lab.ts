import { lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EngineConfig } from '../../../src/engine/config.js'
import type { Events } from '../../../src/engine/records.js'
import { JobPool } from '../../../src/engine/images/job-pool.js'
import { ImageStore } from '../../../src/engine/images/store.js'
import { encodeHeader, endOfArchive, padding, type TarHeader } from '../../../src/engine/oci/tar-header.js'

/** A directory of a test's own; disposing removes it. */
export function temporary(parent = tmpdir()): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(parent, 'berth-images-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Waits until a change would be seen by a file's time: the kernel's clock for these ticks a few hundred times a second. */
export function settle(file: string): void {
  const { ctimeMs } = lstatSync(file)
  using probe = temporary()
  do writeFileSync(join(probe.path, 'now'), '')
  while (lstatSync(join(probe.path, 'now')).ctimeMs === ctimeMs)
}

/** An entry of a made-up archive: a file unless told otherwise. */
export type Entry = Partial<Omit<TarHeader, 'name' | 'linkname'>> & {
  readonly name: string
  readonly linkname?: string
  readonly content?: string | Buffer
}

/** The bytes of an archive, hostile ones included. */
export function archive(entries: readonly Entry[]): Buffer {
  const blocks = entries.map(({ name, content = '', linkname, ...rest }) => {
    const body = typeof content === 'string' ? Buffer.from(content) : content
    const header: TarHeader = {
      type: 'file',
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtime: 1_700_000_000,
      size: body.length,
      ...rest,
      name: Buffer.from(name),
      ...(linkname === undefined ? {} : { linkname: Buffer.from(linkname) }),
    }
    return Buffer.concat([encodeHeader(header), body, padding(body.length)])
  })
  return Buffer.concat([...blocks, endOfArchive])
}

export const config = (root: string): EngineConfig => ({
  name: 'test',
  root,
  run: join(root, 'run'),
  socket: join(root, 'engine.sock'),
  cache: join(root, 'cache'),
  pool: '10.199.0.0/16',
  buildEnv: {},
  prefix: '0000',
})

/** One pool of threads for all tests: a thread takes a while to start. */
export const pool = new JobPool()
after(() => pool[Symbol.asyncDispose]())

/** A store in a directory; `used` maps image ids to the containers made from them, which all run. */
export const openStore = (
  root: string,
  told: string[] = [],
  used: ReadonlyMap<string, readonly string[]> = new Map(),
): Promise<ImageStore> => {
  const events: Events = { emit: (type, action, id) => void told.push(`${type} ${action} ${id}`) }
  const usage = {
    ofImage: (image: string) => used.get(image) ?? [],
    isRunning: () => true,
    ofNetwork: () => [],
    ofVolume: () => [],
  }
  return ImageStore.open(config(root), events, usage, pool)
}
