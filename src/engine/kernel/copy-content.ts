import { fstatSync, ftruncateSync, readSync, writeSync } from 'node:fs'
import koffi from 'koffi'

const lib = koffi.load('libc.so.6')
const seek = lib.func('int64_t lseek(int fd, int64_t offset, int whence)')
const copyRange = lib.func('long copy_file_range(int from, void *at, int to, void *at, size_t length, uint32_t flags)')

const SEEK_DATA = 3
const SEEK_HOLE = 4
const most = 1 << 30

/** Copies what one open file holds to another, an empty one. Holes stay holes. Synchronous: for threads. */
export function copyContent(from: number, to: number): void {
  const { size } = fstatSync(from)
  for (let start = dataFrom(from, 0, size); start < size;) {
    const end = holeFrom(from, start, size)
    copyPart(from, to, start, end)
    start = dataFrom(from, end, size)
  }
  ftruncateSync(to, size)
}

/** A file system that knows of no holes says that all is data; one that cannot say is taken for one. */
function dataFrom(fd: number, at: number, size: number): number {
  const found = Number(seek(fd, at, SEEK_DATA))
  if (found >= 0) return found
  return koffi.errno() === koffi.os.errno.ENXIO ? size : at
}

function holeFrom(fd: number, at: number, size: number): number {
  const found = Number(seek(fd, at, SEEK_HOLE))
  return found > at ? Math.min(found, size) : size
}

function copyPart(from: number, to: number, start: number, end: number): void {
  const [source, target] = [Buffer.alloc(8), Buffer.alloc(8)]
  let at = start
  while (at < end) {
    source.writeBigInt64LE(BigInt(at))
    target.writeBigInt64LE(BigInt(at))
    const copied = Number(copyRange(from, source, to, target, Math.min(end - at, most), 0))
    if (copied <= 0) break // from another file system, or it became shorter
    at += copied
  }
  if (at >= end) return
  const chunk = Buffer.allocUnsafe(1 << 18)
  while (at < end) {
    const read = readSync(from, chunk, 0, Math.min(chunk.length, end - at), at)
    if (read === 0) return
    for (let written = 0; written < read;) written += writeSync(to, chunk, written, read - written, at + written)
    at += read
  }
}
