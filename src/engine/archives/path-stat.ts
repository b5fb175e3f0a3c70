import { lstatSync, type BigIntStats } from 'node:fs'
import { basename, dirname } from 'node:path/posix'
import { codeOf, EngineError } from '../errors.js'
import { lstatOr, resolveIn } from '../images/tree.js'
import { isKernel } from './pack-tree.js'

/** What `X-Docker-Container-Path-Stat` says of a path. */
export interface PathStat {
  readonly name: string
  readonly size: number
  /** Bits of Go's os.FileMode. */
  readonly mode: number
  /** RFC 3339, nanoseconds. */
  readonly mtime: string
  /** Where a link leads once every link is followed, whether or not something is there. */
  readonly linkTarget: string
}

/** An absolute path; a `/` or `/.` at its end stays, for it says that a link is to be followed. */
export function absolute(path: string): string {
  if (path.includes('\0')) throw new EngineError('invalid', 'invalid path: it holds a zero byte')
  return path.startsWith('/') ? path : `/${path}`
}

/** Whether a path asks for what a link leads to. */
export const follows = (path: string): boolean => /\/\.?$/.test(path)

/** Go's word for the last part of a path. */
export const baseOf = (path: string): string => (/^\/+$/.test(path) ? '/' : basename(path))

/**
 * Looks at a path of the thread's root. The last link is followed only with a trailing `/`.
 * @throws EngineError `missing`
 */
export function statPath(path: string): PathStat {
  const asked = absolute(path)
  const stat = lookAt(asked)
  const link = stat.isSymbolicLink()
  return {
    name: baseOf(asked),
    size: Number(stat.size),
    mode: goMode(Number(stat.mode)),
    mtime: nanoTime(stat.mtimeNs),
    linkTarget: link ? resolveIn(looking, asked, true).path : '',
  }
}

const looking = (path: string) => {
  const stat = lstatOr(path)
  return stat && { stat, paths: [path] as const }
}

function lookAt(path: string): BigIntStats {
  try {
    const stat = lstatSync(follows(path) ? `${path.replace(/\.$/, '')}.` : path, { bigint: true })
    const parent = dirname(resolveIn(looking, path, follows(path)).path)
    if (!isKernel(parent)) return stat
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') throw new EngineError('invalid', `${path}: not a directory`)
    if (codeOf(error) !== 'ENOENT') throw error
  }
  throw new EngineError('missing', `no ${path}`)
}

const types: Readonly<Record<number, number>> = {
  0o040000: 2 ** 31, // ModeDir
  0o120000: 2 ** 27, // ModeSymlink
  0o060000: 2 ** 26, // ModeDevice
  0o010000: 2 ** 25, // ModeNamedPipe
  0o140000: 2 ** 24, // ModeSocket
  0o020000: 2 ** 26 + 2 ** 21, // ModeDevice, ModeCharDevice
}

/** st_mode in the bits of Go's os.FileMode. */
export function goMode(mode: number): number {
  const special = [
    [0o4000, 2 ** 23],
    [0o2000, 2 ** 22],
    [0o1000, 2 ** 20],
  ] as const
  const extra = special.reduce((sum, [bit, word]) => (mode & bit ? sum + word : sum), 0)
  return (mode & 0o777) + (types[mode & 0o170000] ?? 0) + extra
}

/** Years that RFC 3339 can write, in seconds: a file may claim any other. */
const [earliest, latest] = [-62_135_596_800, 253_402_300_799]

function nanoTime(nanoseconds: bigint): string {
  const part = BigInt.asUintN(64, ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n)
  const second = Number((nanoseconds - part) / 1_000_000_000n)
  const whole = new Date(Math.min(Math.max(second, earliest), latest) * 1000).toISOString().slice(0, 19)
  const fraction = String(part).padStart(9, '0').replace(/0+$/, '')
  return `${whole}${fraction === '' ? '' : `.${fraction}`}Z`
}
