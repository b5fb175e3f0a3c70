import { bytesBelow, diskUsage } from '../system/disk.js'
import type { Container, ContainerDeps } from './container.js'
import { orMissing } from '../system/missing.js'

/** Bytes that `docker ps --size` shows: what a container has written, and that with its image. */
export interface ContainerSize {
  readonly rw: number
  readonly root: number
}

/** Bytes a container has written, and those of its image besides. */
export async function sizeOf({ store, images }: ContainerDeps, container: Container): Promise<ContainerSize> {
  // the directories that mounts need are no content: dockerd does not count any
  const rw = await bytesBelow(store.places(container.id).upperDir, 'files')
  const image = await images.get(container.record.image).then(
    ({ size }) => size,
    () => 0,
  )
  return { rw, root: rw + image }
}

/** Bytes on disk of all that a container has: what it has written, its log, its records. */
export async function spaceOf({ store }: ContainerDeps, container: Container): Promise<number> {
  const { dir } = store.places(container.id)
  return (await bytesBelow(dir)) + (await diskUsage(dir))
}

/** Directories of its image's layers, bottom first; none when its image is gone. */
export const layersOf = async ({ images }: ContainerDeps, { record }: Container): Promise<readonly string[]> =>
  images
    .get(record.image)
    .then((image) => images.lowerDirs(image))
    .catch(orMissing([]))
