import { execFile } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { promisify } from 'node:util'
import { EngineError, messageOf } from '../errors.js'
import { openInRoot } from '../runtime/libc.js'
import type { Container, Shop } from './container.js'
import type { PlannedMount } from './mounts.js'
import { withRootfs } from './start.js'

/** Gives each new, empty volume a copy of what the image has at its place, owners and modes included. */
export async function fillVolumes(shop: Shop, container: Container, mounts: readonly PlannedMount[]): Promise<void> {
  for (const { copy, point } of mounts) {
    const { type, name, target } = point
    if (type === 'volume' && copy)
      await shop.volumes.fill(name, container.id, (into) =>
        withRootfs(shop, container, (rootfs) => copyOut(rootfs, target, into)),
      )
  }
}

async function copyOut(rootfs: string, target: string, into: () => Promise<string>): Promise<void> {
  const root = openSync(rootfs, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await copyFrom(root, target, into)
  } finally {
    closeSync(root)
  }
}

async function copyFrom(root: number, target: string, into: () => Promise<string>): Promise<void> {
  let from: number
  try {
    from = openInRoot(root, target, constants.O_RDONLY | constants.O_DIRECTORY)
  } catch {
    return // the image has nothing there
  }
  try {
    // by descriptor: the path may hold symlinks, which must not lead out of the image
    const source = `/proc/${String(process.pid)}/fd/${String(from)}/.`
    const args = ['--archive', '--no-target-directory', source, await into()]
    await promisify(execFile)('cp', args, { maxBuffer: 64 * 2 ** 20 })
  } catch (error) {
    // a line for each file: the first says it
    const [said = ''] = ((error as { stderr?: string }).stderr || messageOf(error)).split('\n')
    const fault = said.includes('No space left') ? 'full' : 'broken'
    throw new EngineError(fault, `cannot copy ${target} of the image to a new volume: ${said}`, error)
  } finally {
    closeSync(from)
  }
}
