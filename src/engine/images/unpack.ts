import { createHash } from 'node:crypto'
import { writeSync } from 'node:fs'
import { dirname } from 'node:path/posix'
import { codeOf, EngineError, messageOf } from '../errors.js'
import { LayerWriter, type Attributes } from './layer-writer.js'
import type { FileIndex } from './index-file.js'
import { isPrivileged, type Xattrs } from './privileged.js'
import type { Recorder } from './tar-recipe.js'
import { TarReader, type EntryWriter, type TarEntry } from '../oci/tar-reader.js'
import { pathWithin } from './tree.js'

/**
 * - `context`: a build context. Everything belongs to root; no devices.
 * - `add`: an archive that ADD unpacks. Owners as the archive says; no devices.
 * - `copy`: `docker cp` into a container. Owners and devices as the archive says, names as they are.
 * - `layer`: a layer or root file system. Owners, devices and whiteouts as the archive says.
 */
export type UnpackAs = 'context' | 'add' | 'copy' | 'layer'

/** How a copy deals with what is there. */
export interface CopyOptions {
  /** Whom everything belongs to, whatever the archive says. */
  readonly owner?: { readonly uid: number; readonly gid: number }
  /** Refuse to put a directory in a file's place or a file in a directory's. */
  readonly keepKinds: boolean
}

/**
 * Unpacks an archive that may be hostile below `base` of a layer writer. Links are made as written, and followed inside the
 * layer writer only. @throws EngineError `invalid` for entries that point out of the archive, and for devices in a context
 */
export class Unpacker {
  readonly fileIndex: FileIndex = new Map()
  /** Whether a file came that `isPrivileged`, be it that a later entry took its place. */
  hasPrivilegedFiles = false
  readonly #layerWriter: LayerWriter
  readonly #base: string
  readonly #as: UnpackAs
  readonly #reader: TarReader
  readonly #skip: (path: string) => boolean
  readonly #recorder: Recorder | undefined
  readonly #copy: CopyOptions

  constructor(
    layerWriter: LayerWriter,
    base: string,
    as: UnpackAs,
    skip: (path: string) => boolean = () => false,
    recorder?: Recorder,
    copy: CopyOptions = { keepKinds: true },
  ) {
    this.#layerWriter = layerWriter
    this.#base = base === '/' ? '' : base
    this.#as = as
    this.#skip = skip
    this.#recorder = recorder
    this.#copy = copy
    this.#reader = new TarReader(
      (entry) => this.#telling(entry, () => this.#entry(entry)),
      recorder && ((bytes) => recorder.raw(bytes)),
    )
  }

  push(chunk: Buffer): void {
    this.#reader.push(chunk)
  }

  end(): void {
    this.#reader.end()
  }

  abort(): void {
    this.#reader.abort()
  }

  #entry(entry: TarEntry): EntryWriter | undefined {
    const inside = within(entry.name, entry.name)
    if (this.#skip(inside)) return undefined
    const attributes = this.#attributes(entry)
    if (inside === '/') {
      if (entry.type === 'directory' && this.#as === 'layer') this.#layerWriter.setAttributes('/', attributes)
      return undefined
    }
    const made: Attributes = { ...attributes, mode: 0o755, uid: 0, gid: 0 }
    if (this.#as === 'copy') this.#makeWay(this.#base + inside, entry.type === 'directory')
    if (entry.type === 'directory') {
      const path = this.#layerWriter.directory(this.#base + inside, made)
      this.#layerWriter.setAttributes(path, attributes)
      this.#note(path, entry, '')
      for (const [name, value] of this.#xattrs(entry)) this.#layerWriter.xattr(path, name, value)
      return undefined
    }
    const directory = this.#layerWriter.directory(this.#base + dirname(inside), made)
    const name = inside.slice(inside.lastIndexOf('/') + 1)
    if (this.#as === 'layer' && name.startsWith('.wh.')) {
      if (name === '.wh..wh..opq') this.#layerWriter.opaque(directory)
      else if (!name.startsWith('.wh..wh.')) this.#layerWriter.whiteout(join(directory, hidden(name)))
      return undefined
    }
    return this.#place(join(directory, name), entry, attributes)
  }

  /** Removes what is no directory where one comes, and the other way round. */
  #makeWay(path: string, isDirectory: boolean): void {
    const existing = this.#layerWriter.resolve(path, isDirectory)
    if (!existing.entry || existing.entry.stat.isDirectory() === isDirectory) return
    if (this.#copy.keepKinds) {
      const [kind, other] = isDirectory ? ['non-directory', 'directory'] : ['directory', 'non-directory']
      throw new EngineError('invalid', `cannot overwrite ${kind} "${path}" with ${other} "${path}"`)
    }
    this.#layerWriter.remove(existing.path)
  }

  #place(path: string, entry: TarEntry, attributes: Attributes): EntryWriter | undefined {
    const layerWriter = this.#layerWriter
    switch (entry.type) {
      case 'file':
        return this.#file(path, entry, attributes)
      case 'symlink':
        layerWriter.symlink(path, entry.linkname, attributes)
        this.#note(path, entry, entry.linkname)
        return undefined
      case 'link': {
        const target = layerWriter.resolve(this.#base + within(entry.linkname, entry.name), false).path
        layerWriter.link(path, target)
        const known = this.fileIndex.get(this.#key(target))
        if (known) this.fileIndex.set(this.#key(path), known)
        return undefined
      }
      default: {
        if (this.#as !== 'layer' && this.#as !== 'copy')
          throw new EngineError('invalid', `archive entry "${entry.name}" is a device or fifo, which it may not hold`)
        const format = { character: 0o020000, block: 0o060000, fifo: 0o010000, directory: 0o040000 }[entry.type]
        if (entry.major > 0xfff || entry.minor > 0xfffff || entry.major < 0 || entry.minor < 0)
          throw new EngineError('invalid', `archive entry "${entry.name}" is a device that cannot be`)
        layerWriter.node(path, { ...attributes, mode: format | entry.mode }, entry.major, entry.minor)
        return undefined
      }
    }
  }

  #file(path: string, entry: TarEntry, attributes: Attributes): EntryWriter {
    const hash = this.#as === 'context' ? createHash('sha256') : undefined
    this.#recorder?.file(path, entry.size)
    this.hasPrivilegedFiles ||= isPrivileged(entry.mode, this.#xattrs(entry))
    const fd = this.#layerWriter.open(path)
    let open = true
    return {
      write: (chunk) => {
        hash?.update(chunk)
        for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at)
      },
      close: () => {
        if (!open) return
        open = false
        this.#telling(entry, () => this.#layerWriter.closeFile(fd, attributes, this.#xattrs(entry)))
        if (hash) this.#note(path, entry, hash.digest('hex'))
      },
    }
  }

  #attributes(entry: TarEntry): Attributes {
    const mtime = Math.min(Math.max(entry.mtime, 0), 0x3ffffffff)
    const written = this.#as === 'context' ? { uid: 0, gid: 0 } : { uid: id(entry.uid), gid: id(entry.gid) }
    const owner = this.#copy.owner ?? written
    return { mode: entry.mode, ...owner, mtime }
  }

  #xattrs({ xattrs }: TarEntry): Xattrs {
    if (this.#as !== 'layer' && this.#as !== 'copy') return []
    return xattrs.filter(([name]) => name === 'security.capability' || name.startsWith('user.'))
  }

  /** What cannot be made as the archive says is the archive's fault. */
  #telling<T>(entry: TarEntry, make: () => T): T {
    try {
      return make()
    } catch (error) {
      if (!impossible.has(codeOf(error) ?? '')) throw error
      const why = messageOf(error).replace(/,? .*/s, '')
      throw new EngineError('invalid', `cannot unpack ${JSON.stringify(entry.name.slice(0, 200))}: ${why}`, error)
    }
  }

  #note(path: string, entry: TarEntry, content: string): void {
    if (this.#as !== 'context') return
    const type = entry.type === 'directory' || entry.type === 'symlink' ? entry.type : 'file'
    this.fileIndex.set(this.#key(path), { type, mode: entry.mode, content, size: entry.size })
  }

  #key(path: string): string {
    return path.slice(this.#base.length)
  }
}

/** What the kernel answers to names, links, attributes and counts of them that it does not have. */
const impossible = new Set(
  'ENAMETOOLONG ELOOP EMLINK EINVAL ENOENT ENOTDIR EISDIR EEXIST E2BIG ERANGE EOPNOTSUPP EFBIG'.split(' '),
)

const join = (directory: string, name: string): string => (directory === '/' ? `/${name}` : `${directory}/${name}`)

/** What a whiteout hides. @throws EngineError `invalid` for one that names its directory or what holds that */
function hidden(whiteout: string): string {
  const name = whiteout.slice('.wh.'.length)
  if (name === '' || name === '.' || name === '..')
    throw new EngineError('invalid', `invalid whiteout name: ${JSON.stringify(whiteout)}`)
  return name
}

const id = (value: number): number => (Number.isInteger(value) && value >= 0 && value < 0xffffffff ? value : 0)

/** @throws EngineError `invalid` for a name of which an archive has no file */
function within(name: string, entry: string): string {
  const path = name.includes('\0') ? undefined : pathWithin(name)
  if (path === undefined)
    throw new EngineError('invalid', `archive entry ${JSON.stringify(entry)} points out of the archive`)
  return path
}
