import koffi from 'koffi'
import { SystemCallError } from './libc.js'

const lib = koffi.load('libc.so.6')
const openTree = lib.func('long syscall(long number, int dir, const char *path, uint32_t flags)')
const moveMount = lib.func(
  'long syscall(long number, int from, const char *path, int to, const char *target, uint32_t flags)',
)
const setAttributes = lib.func(
  'long syscall(long number, int dir, const char *path, uint32_t flags, const uint8_t *attributes, size_t size)',
)

// the same on every architecture
const SYS_open_tree = 428
const SYS_move_mount = 429
const SYS_mount_setattr = 442
const AT_FDCWD = -100
const AT_EMPTY_PATH = 0x1000
const AT_RECURSIVE = 0x8000
const OPEN_TREE_CLONE = 1
const OPEN_TREE_CLOEXEC = 0o2000000
const MOVE_MOUNT_F_EMPTY_PATH = 4
const MOUNT_ATTR_IDMAP = 0x100000n

function check(call: string, result: unknown): number {
  if (Number(result) < 0) throw new SystemCallError(call, koffi.errno())
  return Number(result)
}

/**
 * A copy of the mount that has `path`, beginning there, that is mounted nowhere yet, open_tree(2).
 * @param below with what is mounted below it
 * @returns a descriptor, the caller's to close. @throws SystemCallError
 */
export const cloneMount = (path: string, below: boolean): number =>
  check(
    `clone the mount of ${path}`,
    openTree(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (below ? AT_RECURSIVE : 0)),
  )

/**
 * Has a mount that is mounted nowhere yet show its files' owners as a user namespace maps them, mount_setattr(2).
 * @throws SystemCallError EINVAL where the file system cannot
 */
export function mapOwners(mount: number, userNamespace: number, below: boolean): void {
  const attributes = Buffer.alloc(32) // struct mount_attr: set, clear, propagation, user namespace
  attributes.writeBigUInt64LE(MOUNT_ATTR_IDMAP, 0)
  attributes.writeBigUInt64LE(BigInt(userNamespace), 24)
  const flags = AT_EMPTY_PATH | (below ? AT_RECURSIVE : 0)
  check('map the owners of a mount', setAttributes(SYS_mount_setattr, mount, '', flags, attributes, attributes.length))
}

/** Mounts it at a path, move_mount(2). @throws SystemCallError */
export function attachMount(mount: number, target: string): void {
  check(`mount at ${target}`, moveMount(SYS_move_mount, mount, '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH))
}
