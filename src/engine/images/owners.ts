import { EngineError } from '../errors.js'
import { idCount, type IdRange } from '../system/id-map.js'

/** How ids inside a tree and outside of it go together. */
export interface Owners {
  /** @throws EngineError `invalid` for an id that the inside does not have */
  outside(id: number): number
  inside(id: number): number
  /** A `security.capability` as the outside is to write it. */
  capability(value: Buffer): Buffer
}

export const identityOwners: Owners = { outside: (id) => id, inside: (id) => id, capability: (value) => value }

/** What user_namespaces(7) shows in place of an id that a namespace does not have. */
const overflowId = 65_534

/** struct vfs_cap_data, linux/capability.h: magic and flags, then four words; version 3 ends with the namespace's root. */
const VFS_CAP_REVISION_MASK = 0xff000000
const VFS_CAP_REVISION_3 = 0x03000000
const version2Length = 20

/** The owners in a user namespace, seen from the host. */
export const ownersIn = ({ first }: IdRange): Owners => ({
  outside: (id) => {
    if (id < idCount) return first + id
    throw new EngineError(
      'invalid',
      `id ${String(id)} is beyond the ${String(idCount)} of the container's user namespace`,
    )
  },
  inside: (id) => (id >= first && id < first + idCount ? id - first : overflowId),
  capability: (value) => {
    if (value.length !== version2Length) return value
    const more = Buffer.alloc(version2Length + 4)
    value.copy(more)
    more.writeUInt32LE(((value.readUInt32LE() & ~VFS_CAP_REVISION_MASK) | VFS_CAP_REVISION_3) >>> 0)
    more.writeUInt32LE(first, version2Length)
    return more
  },
})

/** A `security.capability` without the root of the namespace it is for, as layers have it. */
export function plainCapability(value: Buffer): Buffer {
  if (value.length !== version2Length + 4) return value
  const plain = Buffer.from(value.subarray(0, version2Length))
  plain.writeUInt32LE(((plain.readUInt32LE() & ~VFS_CAP_REVISION_MASK) | 0x02000000) >>> 0)
  return plain
}
