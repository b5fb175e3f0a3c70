import { randomBytes } from 'node:crypto'
import { openSync } from 'node:fs'
import type { Written } from '../images/changes.js'
import { bundleOf, type Container, type ContainerDeps } from './container.js'
import type { ContainerRecord } from './record.js'
import { settled } from './settle.js'
import type { Places } from './store.js'

/** What a runtime makes in every container to mount on it. */
const mountPoints = [
  '/dev',
  '/proc',
  '/sys',
  '/etc/hosts',
  '/etc/hostname',
  '/etc/resolv.conf',
  '/sbin/docker-init',
  '/.dockerenv',
]

/** A container as archives see it: its files, and how to keep it from changing while they are read or written. */
export class ContainerFiles {
  readonly #deps: ContainerDeps
  readonly #container: Container

  constructor(deps: ContainerDeps, container: Container) {
    this.#deps = deps
    this.#container = container
  }

  get record(): Readonly<ContainerRecord> {
    return this.#container.record
  }

  get places(): Places {
    return this.#deps.store.places(this.#container.id)
  }

  /** A directory to mount its root on while it does not run. */
  get mountPoint(): string {
    return `${bundleOf(this.#deps.config, this.#container.id)}/rootfs`
  }

  /** Resolves when there is what a program writes as it begins, see `settled`. */
  whenBegun(): Promise<void> {
    return settled(this.#container)
  }

  /** Its own layer, and what that lies over. @throws EngineError `conflict` for one that is being removed */
  async written(): Promise<Written> {
    this.refuseRemoved()
    const { images } = this.#deps
    const lowers = await images.lowerDirs(await images.get(this.record.image))
    return { upper: this.places.upperDir, lowers, mountPoints }
  }

  /** @throws EngineError `conflict` for one that is being removed, or is gone */
  refuseRemoved(): void {
    this.#container.refuseRemoved()
  }

  /** It neither starts nor is changed otherwise before `work` is done. @throws EngineError `conflict` as `refuseRemoved` */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#container.exclusively(work)
  }

  /** What its volumes stand for is mounted while `work` is done, though it does not run. @throws EngineError `broken` */
  async withVolumes<T>(work: () => Promise<T>): Promise<T> {
    const { volumes } = this.#deps
    const holder = `files of ${this.record.id} ${randomBytes(8).toString('hex')}`
    try {
      for (const { type, name } of this.record.mounts) if (type === 'volume') await volumes.hold(name, holder)
      return await work()
    } finally {
      await volumes.letGo(holder)
    }
  }

  /** As `exclusively`; what runs is frozen meanwhile. */
  frozen<T>(work: () => Promise<T>): Promise<T> {
    return this.exclusively(async () => {
      if (this.record.state.status !== 'running') return work()
      const cgroup = this.#container.cgroup(this.#deps)
      await cgroup.freeze()
      try {
        return await work()
      } finally {
        cgroup.thaw()
      }
    })
  }

  /** A descriptor of the mount namespace of its first process, the caller's to close; undefined when it does not run. */
  openMountNamespace(): number | undefined {
    if (!this.#container.up) return undefined
    try {
      return openSync(`/proc/${this.record.state.pid}/ns/mnt`, 'r')
    } catch {
      return undefined // it has just ended
    }
  }

  /** Its first process exists and is the one that was started. */
  get alive(): boolean {
    return this.#container.alive
  }

  emit(action: string, attributes: Readonly<Record<string, string>> = {}): void {
    this.#container.emit(this.#deps.events, action, attributes)
  }
}
