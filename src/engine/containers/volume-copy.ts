import { execFile } from 'node:child_process'
import { closeSync, constants, openSync, readdirSync } from 'node:fs'
import { promisify } from 'node:util'
import { openInRoot } from '../runtime/libc.js'
import type { Container, Shop } from './container.js'
import type { MountPoint } from './record.js'
import { withRootfs } from './start.js'

/** Gives each new, empty volume a copy of what the image has at its place, owners and modes included. */
export async function fillVolumes(
  shop: Shop,
  container: Container,
  mounts: readonly (MountPoint & { readonly copy: boolean })[],
): Promise<void> {
  const copied = mounts.filter(({ type, copy }) => type === 'volume' && copy)
  try {
    for (const { name } of copied) await shop.volumes.hold(name, container.id)
    await fill(shop, container, copied)
  } finally {
    await shop.volumes.letGo(container.id)
  }
}

async function fill(shop: Shop, container: Container, mounts: readonly MountPoint[]): Promise<void> {
  const wanted = mounts.filter(({ source }) => readdirSync(source).length === 0)
  if (wanted.length === 0) return
  await withRootfs(shop, container, async (rootfs) => {
    const root = openSync(rootfs, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      for (const { target, source } of wanted) await copyFrom(root, target, source)
    } finally {
      closeSync(root)
    }
  })
}

async function copyFrom(root: number, target: string, volume: string): Promise<void> {
  let from: number
  try {
    from = openInRoot(root, target, constants.O_RDONLY | constants.O_DIRECTORY)
  } catch {
    return // the image has nothing there
  }
  try {
    // by descriptor: the path may hold symlinks, which must not lead out of the image
    const source = `/proc/${String(process.pid)}/fd/${String(from)}/.`
    await promisify(execFile)('cp', ['--archive', '--no-target-directory', source, volume])
  } finally {
    closeSync(from)
  }
}
