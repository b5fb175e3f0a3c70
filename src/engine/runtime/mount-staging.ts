import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { mknod } from '../kernel/file-calls.js'
import type { IdRange } from '../system/id-map.js'
import { closeDescriptor, mount, MS, openInRoot, unmount } from '../kernel/libc.js'
import { attachMount, cloneMount, mapOwners } from '../kernel/mount-tree.js'
import { mountOverlay, type Overlay } from './overlay.js'

/** open(2): a place, be it a socket, and not its content. */
const O_PATH = 0o10000000
/** Empty on the host; every engine sees a file system of its own there. */
const root = '/run/berth-mounts'

/**
 * Makes the place where containers are put together, in the engine's own mount namespace. The root of a container is
 * nobody on the host, so the way here must be open to anyone, wherever the engine's own directories are.
 */
export function openStagingArea(): void {
  mkdirSync(root, { recursive: true, mode: 0o711 })
  mount('tmpfs', root, 'tmpfs', MS.nosuid, 'mode=0711')
  mount('', root, '', MS.private, '')
}

/** So many containers' settings are written by way of one procfs. */
const settingsEach = 64
let settingsWritten = 0

/**
 * A procfs in which few settings of network namespaces have been looked up. Of one setting each namespace has a dentry of its
 * own, and those of one procfs are found by going through all of them: the thousandth takes a millisecond.
 */
export function freshProc(): string {
  const path = join(root, 'proc')
  if (settingsWritten++ % settingsEach === 0) {
    mkdirSync(path, { recursive: true })
    unmount(path)
    mount('proc', path, 'proc', MS.nosuid | MS.nodev | MS.noexec, '')
  }
  return path
}

/**
 * Where a container's root was staged, an empty directory by now: runc begins an exec there. `keep` says whether it is to
 * be there or gone.
 */
export function rememberStaged(id: string, keep: boolean): void {
  const path = join(root, id, 'rootfs')
  if (keep) mkdirSync(path, { recursive: true })
  else for (const made of [path, dirname(path)]) if (existsSync(made)) rmdirSync(made)
}

/** A container's user namespace, as its mounts need it. */
export interface MappedOwners {
  readonly range: IdRange
  /** Descriptor of a user namespace that maps it. */
  readonly map: number
}

/** What a bind shows of its source. */
export interface BindOptions {
  /** A path below the source. */
  readonly subpath?: string | undefined
  /** Without what is mounted below. */
  readonly flat?: boolean | undefined
  /** Its owners are the container's already. */
  readonly asIs?: boolean
}

/**
 * The mounts of one container as the runtime is to find them, their files' owners mapped to the container's: what is
 * root's on disk is the container's root's. The container's mount namespace has copies: disposing takes these away.
 */
export class MountStaging implements Disposable {
  readonly #dir: string
  readonly #owners: MappedOwners | undefined
  readonly #made: { readonly path: string; readonly kind: 'directory' | 'file'; mounted: boolean }[] = []

  /** @param owners absent: owners are shown as they are */
  constructor(id: string, owners: MappedOwners | undefined) {
    this.#dir = join(root, id)
    this.#owners = owners
    this.#make('', 'directory')
    chmodSync(this.#dir, 0o711)
  }

  /** Owners are mapped. */
  get maps(): boolean {
    return this.#owners !== undefined
  }

  /** Shows a layer at a place, its owners mapped. */
  #attachLayer(path: string, place: string): void {
    const layer = cloneMount(path, false)
    try {
      if (this.#owners) mapOwners(layer, this.#owners.map, false)
      attachMount(layer, place)
    } finally {
      closeDescriptor(layer)
    }
  }

  /** Mounts a root file system; answers with its path. @throws SystemCallError */
  overlay({ lowerDirs, upperDir, workDir, volatile = false }: Omit<Overlay, 'target'>): string {
    const target = this.#make('rootfs', 'directory')
    const owners = this.#owners
    const parts: string[] = []
    const mapped = (path: string): string => {
      const place = this.#make(`layer-${String(parts.length)}`, 'directory')
      parts.push(place)
      this.#attachLayer(path, place)
      return place
    }
    if (!owners || upperDir === undefined || workDir === undefined)
      mountOverlay({
        lowerDirs,
        ...(upperDir === undefined ? {} : { upperDir }),
        ...(workDir === undefined ? {} : { workDir }),
        volatile,
        target,
      })
    else
      try {
        const places = new Map([...new Set(lowerDirs)].map((path) => [path, mapped(path)]))
        // upper and work directory must be of one mount
        const own = mapped(dirname(upperDir))
        mountOverlay({
          lowerDirs: lowerDirs.map((path) => places.get(path) ?? path),
          upperDir: join(own, basename(upperDir)),
          workDir: join(own, basename(workDir)),
          volatile,
          target,
        })
      } finally {
        parts.forEach(unmount) // the overlay keeps its own copies
      }
    this.#mounted(target)
    return target
  }

  /**
   * Makes a directory or file of the host ready to be bound; answers with its path. Where a file system cannot map
   * owners, as those of the kernel and of networks, they are shown as they are: nobody's. By descriptor: who writes to
   * the source may swap any part of a path below it for a symlink. @throws SystemCallError
   */
  bind(source: string, { subpath, flat = false, asIs = false }: BindOptions = {}): string {
    const top = openSync(source, O_PATH)
    try {
      const part = subpath === undefined ? top : openInRoot(top, subpath, O_PATH)
      try {
        const target = this.#make(
          `mount-${String(this.#made.length)}`,
          fstatSync(part).isDirectory() ? 'directory' : 'file',
        )
        const copy = this.#copy(`/proc/self/fd/${String(part)}`, !flat, asIs ? undefined : this.#owners)
        try {
          attachMount(copy, target)
        } finally {
          closeDescriptor(copy)
        }
        this.#mounted(target)
        return target
      } finally {
        if (part !== top) closeDescriptor(part)
      }
    } finally {
      closeSync(top)
    }
  }

  /** Paths of what is mounted below a bind, from its top. */
  below(bind: string): string[] {
    const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
    return lines.flatMap((line) => {
      // proc_pid_mountinfo(5): the fifth field, with what would split it in octal
      const path = (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) =>
        String.fromCharCode(parseInt(octal, 8)),
      )
      // not what is being put together here, when all of the host's files are bound
      return path.startsWith(`${bind}/`) && !path.slice(bind.length).includes(root) ? [path.slice(bind.length)] : []
    })
  }

  /** Makes a device node that belongs to the container's root; answers with its path. */
  device(type: 'c' | 'b', major: number, minor: number, mode: number): string {
    const path = join(this.#dir, `device-${String(this.#made.length)}`)
    mknod(path, (type === 'c' ? 0o020000 : 0o060000) | mode, major, minor)
    this.#made.push({ path, kind: 'file', mounted: false })
    chmodSync(path, mode)
    const owner = this.#owners?.range.first ?? 0
    chownSync(path, owner, owner)
    return path
  }

  #copy(path: string, below: boolean, owners: MappedOwners | undefined): number {
    // all that is mounted there, or else what is at the top of it
    const ways = owners ? (below ? ([true, false] as const) : ([false] as const)) : []
    for (const all of ways) {
      const copy = cloneMount(path, below)
      try {
        if (owners) mapOwners(copy, owners.map, all)
        return copy
      } catch {
        closeDescriptor(copy)
      }
    }
    return cloneMount(path, below)
  }

  #make(name: string, kind: 'directory' | 'file'): string {
    const path = join(this.#dir, name)
    if (kind === 'directory') mkdirSync(path, { recursive: true, mode: 0o755 })
    else writeFileSync(path, '')
    this.#made.push({ path, kind, mounted: false })
    return path
  }

  #mounted(path: string): void {
    const made = this.#made.find((one) => one.path === path)
    if (made) made.mounted = true
  }

  [Symbol.dispose](): void {
    // one by one and never recursively: what is mounted there is not ours to delete
    for (const { path, kind, mounted } of this.#made.splice(0).reverse()) {
      if (mounted) unmount(path)
      if (kind === 'directory') rmdirSync(path)
      else unlinkSync(path)
    }
  }
}
