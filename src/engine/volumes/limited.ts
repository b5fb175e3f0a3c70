import { execFile } from 'node:child_process'
import { rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { codeOf, EngineError, messageOf } from '../errors.js'
import { roomAt } from '../system/space.js'

/** Below a limited volume's directory: the file that holds its file system. */
export const diskFile = 'disk'

/** Less has no room for a journal. Bytes. */
const smallest = 16 * 2 ** 20
/** mkfs(8) and fallocate(1) take so long at most, in milliseconds. */
const longestMs = 60_000
const units: Readonly<Record<string, number>> = { '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }

/** Bytes of a driver's option `size`, `5g`. @throws EngineError `invalid` */
export function parseSize(name: string, text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([kmgt]?)i?b?$/i.exec(text) ?? []
  const bytes = Math.floor(Number(number) * (units[unit.toLowerCase()] ?? NaN))
  if (number === '' || !Number.isSafeInteger(bytes))
    throw new EngineError('invalid', `create ${name}: invalid size: '${text.slice(0, 80)}'`)
  if (bytes < smallest) throw new EngineError('invalid', `create ${name}: a volume of less than 16m holds nothing`)
  return bytes
}

/** @throws EngineError `full` where a volume of a size would take the last of the disk */
export function demandRoom(name: string, bytes: number, root: string, diskReserve: number | undefined): void {
  const { free, reserve } = roomAt(root, diskReserve)
  if (bytes <= free - reserve) return
  const left = Math.max(0, Math.floor((free - reserve) / 2 ** 20))
  throw new EngineError('full', `create ${name}: no space left on device: ${left} MB of the disk are to be had`)
}

/**
 * Makes the file system of a limited volume in a file of a directory. All its blocks are taken at once: what is promised to a volume
 * nobody else can use up, and it takes no more. @throws EngineError `full`, `broken`
 */
export async function makeDisk(directory: string, bytes: number): Promise<void> {
  const file = join(directory, diskFile)
  const take = () => tool('fallocate', ['--length', String(bytes), file])
  await take()
  await tool('mkfs.ext4', ['-q', '-F', '-m', '0', '-E', 'nodiscard,root_owner=0:0', file])
  // mkfs zeroes what it wants zeroed by giving it back
  await take()
}

async function tool(program: string, args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)(program, [...args], { timeout: longestMs })
  } catch (error) {
    const said = ((error as { stderr?: string }).stderr || messageOf(error)).trim()
    if (/no space left/i.test(said)) throw new EngineError('full', 'no space left on device', error)
    throw new EngineError('broken', `${program} failed: ${said.split('\n').at(-1) ?? ''}`, error)
  }
}

/** What mount(8) is told of a limited volume whose content is at `target`: it finds the loop device that others use. */
export const limitedMount = (target: string) => ({
  type: 'ext4',
  device: join(dirname(target), diskFile),
  o: 'loop,nodev,nosuid',
})

/** Takes away what mkfs leaves for fsck(8), which makes it anew where it needs it: a new volume is empty. */
export async function removeLostAndFound(target: string): Promise<void> {
  await rmdir(join(target, 'lost+found')).catch((error: unknown) => {
    if (!['ENOENT', 'ENOTEMPTY', 'ENOTDIR'].includes(codeOf(error) ?? '')) throw error
  })
}
