import koffi from 'koffi'
import { again } from './again.js'

const libc = koffi.load('libc.so.6')
const mknodCall = libc.func('int mknod(const char *path, uint32_t mode, uint64_t dev)')
const getCall = libc.func('long lgetxattr(const void *path, const char *name, void *value, size_t size)')
const setCall = libc.func(
  'int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)',
)
const setOpenCall = libc.func('int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)')
const syncCall = libc.func('int syncfs(int fd)')
const flockCall = libc.func('int flock(int fd, int operation)')

/** Reused by every call: both are synchronous, and a fresh buffer a file costs more than the call. */
const scratch = Buffer.alloc(65536)

const ENOENT = 2
const ENODATA = 61
const EOPNOTSUPP = 95

/** A failed system call in the shape of Node's own errors, so that `codeOf` works on it. */
function failed(call: string, path: string | Buffer): Error {
  const number = koffi.errno()
  const code = Object.entries(koffi.os.errno).find(([, value]) => value === number)?.[0] ?? `errno ${String(number)}`
  return Object.assign(new Error(`${code}: ${call} "${path.toString()}"`), {
    code,
    errno: -number,
    syscall: call,
    path: path.toString(),
  })
}

const terminated = (path: string | Buffer): Buffer =>
  typeof path === 'string' ? Buffer.from(`${path}\0`) : Buffer.concat([path, Buffer.alloc(1)])

/** mknod(2). `mode` holds the type (S_IFCHR, S_IFIFO, …) and the permissions. */
export function mknod(path: string, mode: number, major = 0, minor = 0): void {
  const low = (minor & 0xff) | ((major & 0xfff) << 8)
  const device = (BigInt(major >>> 12) << 44n) | (BigInt(minor >>> 8) << 20n) | BigInt(low)
  if (mknodCall(path, mode, device) !== 0) throw failed('mknod', path)
}

/** lgetxattr(2); undefined when the file does not have the attribute. */
export function getXattr(path: string | Buffer, name: string): Buffer | undefined {
  const file = terminated(path)
  const length = again(() => getCall(file, name, scratch, scratch.length))
  if (length >= 0) return Buffer.from(scratch.subarray(0, length))
  const errno = koffi.errno()
  if (errno === ENODATA || errno === EOPNOTSUPP || errno === ENOENT) return undefined
  throw failed('lgetxattr', path)
}

/** lsetxattr(2), or fsetxattr(2) for a descriptor. */
export function setXattr(file: string | number, name: string, value: Buffer): void {
  const result: unknown =
    typeof file === 'number'
      ? setOpenCall(file, name, value, value.length, 0)
      : setCall(file, name, value, value.length, 0)
  if (result !== 0) throw failed('setxattr', String(file))
}

/** syncfs(2) off the main thread: everything written to the file system that holds `fd` is on the disk when it resolves. */
export const syncfs = (fd: number): Promise<void> =>
  called((done) => void syncCall.async(fd, done), 'syncfs failed: the disk reports write errors')

/** flock(2), exclusive: resolves when every other process has let go. The kernel lets go when the file is closed. */
export const flock = (fd: number): Promise<void> => called((done) => void flockCall.async(fd, 2, done), 'flock failed')

/** The same without waiting: false when somebody has it. `shared` keeps nobody out but the exclusive. */
export const tryFlock = (fd: number, how: 'exclusive' | 'shared'): boolean =>
  flockCall(fd, (how === 'exclusive' ? 2 : 1) | 4) === 0

const called = (call: (done: (error: unknown, result: number) => void) => void, failure: string): Promise<void> =>
  new Promise((resolve, reject) => {
    call((error, result) => {
      if (error instanceof Error) reject(error)
      else if (result !== 0) reject(new Error(failure))
      else resolve()
    })
  })
