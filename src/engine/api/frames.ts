import type { Duplex } from 'node:stream'

/** Content types of attached streams, Docker Engine API "ContainerAttach". */
const rawStream = 'application/vnd.docker.raw-stream'
const multiplexedStream = 'application/vnd.docker.multiplexed-stream'

/** What an attached stream of this kind is called; clients before 1.42 know only the one. */
export const contentTypeOf = (tty: boolean, version: number): string =>
  tty || version < 142 ? rawStream : multiplexedStream

/** A chunk of output with Docker's 8-byte header, raw on a terminal. */
export function frame(stream: 'stdout' | 'stderr', chunk: Buffer, tty: boolean): Buffer {
  if (tty) return chunk
  const header = Buffer.alloc(8)
  header[0] = stream === 'stdout' ? 1 : 2
  header.writeUInt32BE(chunk.length, 4)
  return Buffer.concat([header, chunk])
}

/** Writes and, when the reader is slow, waits for it; a reader that has left takes nothing more. */
export function writeDrained(to: Duplex, data: Buffer): Promise<void> | undefined {
  if (to.destroyed || to.write(data)) return undefined
  return new Promise((resolve) => {
    const settle = (): void => {
      to.off('drain', settle).off('close', settle)
      resolve()
    }
    to.on('drain', settle).on('close', settle)
  })
}

/** Looks for the detach keys in what a terminal's client types. Answers with what to pass on, undefined to detach. */
export function detector(keys: Buffer): (chunk: Buffer) => Buffer | undefined {
  let seen = 0
  return (chunk) => {
    const passed: number[] = []
    for (const byte of chunk) {
      if (byte === keys[seen]) {
        if (++seen === keys.length) return undefined
        continue
      }
      for (const held of keys.subarray(0, seen)) passed.push(held)
      seen = byte === keys[0] ? 1 : 0
      if (seen === 0) passed.push(byte)
    }
    return Buffer.from(passed)
  }
}
