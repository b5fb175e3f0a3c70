import type { Container, ContainerDeps } from './container.js'
import { dropAnonymous, makeVolumes, type PlannedMount } from './mounts.js'
import type { ContainerRecord } from './record.js'
import { fillVolumes } from './volume-copy.js'
import { advance } from './state.js'

/** A record in this state is of a container that goes at the next start, with its volumes that nobody named. */
const pendingRemoval = (record: ContainerRecord): ContainerRecord => ({
  ...record,
  state: { ...record.state, status: 'removing' },
})

/**
 * Puts a new container on disk, its volumes made and filled first: whoever kills the engine meanwhile finds all of it at the
 * next start, or nothing. What fails leaves nothing.
 */
export async function persist(
  deps: ContainerDeps,
  container: Container,
  mounts: readonly PlannedMount[],
): Promise<void> {
  const { store, volumes } = deps
  const { record } = container
  try {
    await store.prepare(record.id)
    if (mounts.some(({ point }) => point.anonymous)) await store.create(pendingRemoval(record))
    await makeVolumes(volumes, mounts)
    await fillVolumes(deps, container, mounts)
    await store.create(record)
  } catch (error) {
    advance(record.state, 'removing') // it has its volumes no longer
    await dropAnonymous(volumes, record.mounts)
    await store.remove(record.id)
    throw error
  }
}

/** Takes a container off the disk; with `volumes` also those that nobody named, however the engine ends meanwhile. */
export async function unpersist({ store, volumes }: ContainerDeps, { record }: Container, all: boolean): Promise<void> {
  advance(record.state, 'removing')
  if (all && record.mounts.some(({ anonymous }) => anonymous)) {
    // a disk that is full must not keep it from going
    await store.save(record).catch(() => undefined)
    await dropAnonymous(volumes, record.mounts)
  }
  await store.remove(record.id, record.hostConfig.AutoRemove)
}
