import koffi from 'koffi'

/** So often a call is made at most. */
const most = 5

/**
 * Makes a call that changes nothing, again where it fails with EAGAIN, which calls that read of files never say: errno(3) is read after
 * V8 has had its turn, and a collection makes calls of its own.
 * @returns what it answered last: negative is a failure, and errno is of it
 */
export function again(call: () => unknown): number {
  for (let times = 1; ; times++) {
    const result = Number(call())
    if (result >= 0 || times === most || koffi.errno() !== koffi.os.errno.EAGAIN) return result
  }
}
