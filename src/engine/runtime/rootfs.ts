import { chownSync, closeSync, constants, mkdirSync, openSync } from 'node:fs'
import { codeOf } from '../errors.js'
import { closeDescriptor, openInRoot } from '../kernel/libc.js'

/**
 * Opens a directory of a root file system, making what is missing of it with mode 0755. No symlink leads out.
 * The caller closes the descriptor.
 * @param owner the host's id of the container's root
 */
export function openDirectory(rootfs: string, path: string, owner = 0): number {
  const root = openSync(rootfs, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    const parts = path.split('/').filter((part) => part !== '' && part !== '.')
    const flags = constants.O_RDONLY | constants.O_DIRECTORY
    let at = openInRoot(root, '/', flags)
    for (const [depth, part] of parts.entries()) {
      const below = parts.slice(0, depth + 1).join('/')
      try {
        const next = open(root, below, flags, () => {
          const place = `/proc/self/fd/${String(at)}/${part}`
          mkdirSync(place, { mode: 0o755 })
          chownSync(place, owner, owner)
        })
        closeDescriptor(at)
        at = next
      } catch (error) {
        closeDescriptor(at)
        throw error
      }
    }
    return at
  } finally {
    closeSync(root)
  }
}

function open(root: number, path: string, flags: number, make: () => void): number {
  try {
    return openInRoot(root, path, flags)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    make()
    return openInRoot(root, path, flags)
  }
}
