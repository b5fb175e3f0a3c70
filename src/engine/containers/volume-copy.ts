import { closeSync, constants, openSync } from 'node:fs'
import { EngineError, isFault, messageOf } from '../errors.js'
import type { Images } from '../records.js'
import { openInRoot } from '../kernel/libc.js'
import type { Container, ContainerDeps } from './container.js'
import type { PlannedMount } from './mounts.js'
import { withRootfs } from './start.js'

/** Gives each new, empty volume a copy of what the image has at its place, owners and modes included. */
export async function fillVolumes(
  deps: ContainerDeps,
  container: Container,
  mounts: readonly PlannedMount[],
): Promise<void> {
  for (const { copy, point } of mounts) {
    const { type, name, target } = point
    if (type === 'volume' && copy)
      await deps.volumes.fill(name, container.id, (into) =>
        withRootfs(deps, container, (rootfs) => copyOut(deps.images, rootfs, target, into)),
      )
  }
}

type Into = () => Promise<string>

async function copyOut(images: Images, rootfs: string, target: string, into: Into): Promise<void> {
  const root = openSync(rootfs, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await copyFrom(images, root, target, into)
  } finally {
    closeSync(root)
  }
}

async function copyFrom(images: Images, root: number, target: string, into: Into): Promise<void> {
  let from: number
  try {
    from = openInRoot(root, target, constants.O_RDONLY | constants.O_DIRECTORY)
  } catch {
    return // the image has nothing there
  }
  try {
    // by descriptor: the path may hold symlinks, which must not lead out of the image
    const source = `/proc/${String(process.pid)}/fd/${String(from)}/.`
    await images.copyTree(source, await into())
  } catch (error) {
    const fault = isFault(error, 'full') ? 'full' : 'broken'
    throw new EngineError(fault, `cannot copy ${target} of the image to a new volume: ${messageOf(error)}`, error)
  } finally {
    closeSync(from)
  }
}
