import { readFileSync, statSync } from 'node:fs'
import { messageOf } from '../errors.js'
import { lookMs, roomAt } from '../system/space.js'
import { bytesBelow } from '../system/disk.js'
import type { Container, ContainerDeps } from './container.js'
import { endContainer } from './stop.js'

/** With so many times the reserve left, it is worth knowing who has what. */
const low = 4
/** Bytes that no disk takes in a second. */
const fastest = 2_000_000_000
const longestMs = 5_000
/** Part of the time that measuring may take on a disk that stays full. */
const share = 0.05
const words = 'no space left on device: it was ended before it took the last of the disk from all others'

/** A place on the engine's disk that containers write to: the layer of one, or a volume. */
interface DiskPlace {
  readonly path: string
  readonly writers: readonly Container[]
}

/**
 * Ends a container that is about to take the last of the disk from all others; its policy does not start it again. What is
 * where is measured when the disk begins to run low, and again when only the reserve is left: whose place has taken most of
 * what is gone since then is ended. Where that is none's, as with the host's own logs, all go on to the end of the disk.
 * @param up containers that run
 */
export function guardDisk(deps: ContainerDeps, up: () => readonly Container[]): void {
  const { root, diskReserve } = deps.config
  if (diskReserve === 0) return
  /** Bytes by path, and what was free when the first of them was measured. */
  let before: { readonly free: number; readonly bytes: Map<string, number> } | undefined
  const placesNow = (): DiskPlace[] => placesOf(deps, up())

  const look = async (): Promise<number> => {
    const { free, reserve } = roomAt(root, diskReserve)
    if (free > low * reserve) before = undefined
    const nextMs = (bytes: number): number => Math.min(longestMs, lookMs + (Math.max(0, bytes) / fastest) * 1000)
    if (!before && (free > low * reserve || up().length === 0)) return nextMs(free - low * reserve)
    const since = performance.now()
    before ??= { free, bytes: new Map() }
    // one that has only just begun is measured as it begins
    for (const { path } of placesNow()) if (!before.bytes.has(path)) before.bytes.set(path, await bytesBelow(path))
    if (free > reserve) return nextMs(free - reserve)
    const [flood] = (await growthOf(placesNow(), before.bytes)).toSorted((a, b) => b.growth - a.growth)
    if (!flood || flood.growth < Math.max(before.free - roomAt(root).free, reserve) / 2)
      return lookMs + (performance.now() - since) / share
    before = undefined
    await stopWriter(deps, flood.place)
    return lookMs
  }
  const watch = (afterMs: number): void => {
    const again = (): void =>
      void look().then(watch, (error: unknown) => {
        console.error(`the disk is not watched: ${messageOf(error)}`)
        watch(longestMs)
      })
    setTimeout(again, afterMs).unref()
  }
  watch(0)
}

function placesOf(deps: ContainerDeps, containers: readonly Container[]): DiskPlace[] {
  const disk = statSync(deps.config.root).dev
  const places = new Map<string, Container[]>()
  const add = (path: string, container: Container): void => {
    // a volume may stand for a file system of its own
    if (statSync(path, { throwIfNoEntry: false })?.dev !== disk) return
    places.set(path, [...(places.get(path) ?? []), container])
  }
  for (const container of containers) {
    add(deps.store.places(container.id).upperDir, container)
    for (const { type, name, writable } of container.record.mounts)
      if (type === 'volume' && writable) add(deps.volumes.place(name), container)
  }
  return [...places].map(([path, writers]) => ({ path, writers }))
}

const growthOf = (places: readonly DiskPlace[], before: ReadonlyMap<string, number>) =>
  Promise.all(
    places.map(async (place) => {
      const was = before.get(place.path)
      return { place, growth: was === undefined ? 0 : (await bytesBelow(place.path)) - was }
    }),
  )

/** Of several that write to one place, the one that has written most. */
async function stopWriter(deps: ContainerDeps, { writers }: DiskPlace): Promise<void> {
  const [most] = writers
    .map((container) => ({ container, bytes: writtenBy(deps, container) }))
    .toSorted((a, b) => b.bytes - a.bytes)
  if (!most) return
  const { record } = most.container
  console.error(`container ${record.name} (${record.id.slice(0, 12)}): ${words}`)
  record.state.error = words
  await endContainer(deps, most.container)
}

/** Bytes that its processes have written, proc_pid_io(5). */
const writtenBy = (deps: ContainerDeps, container: Container): number =>
  container
    .cgroup(deps)
    .pids()
    .reduce((sum, pid) => {
      try {
        return sum + Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${String(pid)}/io`, 'utf8'))?.[1])
      } catch {
        return sum // it has just ended
      }
    }, 0)
