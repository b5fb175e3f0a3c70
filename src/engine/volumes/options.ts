import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { EngineError, messageOf } from '../errors.js'
import { unmount } from '../kernel/libc.js'
import { limitedMount, parseSize, removeLostAndFound } from './limited.js'

type Options = Readonly<Record<string, string>>

/** Each of the local driver's options, and what it is nothing without. */
const needed: Readonly<Record<string, readonly string[]>> = {
  type: ['device'],
  device: ['type'],
  o: ['device', 'type'],
}

/** Checks the options of a new volume of the local driver. @throws EngineError `invalid` in dockerd's words */
export function checkOptions(name: string, options: Options): void {
  const refuse = (why: string): EngineError => new EngineError('invalid', `create ${name}: ${why}`)
  if (options.size !== undefined) {
    parseSize(name, options.size)
    const other = Object.keys(options).find((key) => key !== 'size')
    if (other !== undefined) throw refuse(`size and ${other} exclude each other`)
    return
  }
  for (const key of Object.keys(options)) {
    const missing = needed[key]?.find((other) => !options[other])
    if (!Object.hasOwn(needed, key)) throw refuse(`invalid option: "${key}"`)
    if (missing !== undefined) throw refuse(`missing required option: "${missing}"`)
  }
}

/** mount(8)'s arguments: it knows the helpers of network file systems and how to set up loop devices. */
const mountArgs = ({ type = '', device = '', o = '' }: Options, target: string): readonly string[] => [
  ...['--types', type, '--source', device, '--target', target],
  ...(o === '' ? [] : ['--options', o]),
]

/** Mounts what a volume's options stand for at its content's place, unless it is. @throws EngineError `broken` */
export async function mountVolume(options: Options, target: string): Promise<void> {
  if (await isMounted(target)) return
  const isLimited = options.size !== undefined
  try {
    await promisify(execFile)('mount', [...mountArgs(isLimited ? limitedMount(target) : options, target)])
    if (isLimited) await removeLostAndFound(target)
  } catch (error) {
    const said = (error as { stderr?: string }).stderr || messageOf(error)
    const reason = said.trim().replace(`mount: ${target}: `, '').split('\n')[0] ?? ''
    throw new EngineError(
      'broken',
      `error while mounting volume '${target}': failed to mount local volume: mount ${options.device ?? ''}:${target}: ${reason}`,
      error,
    )
  }
}

/** Unmounts it; whoever has it mounted elsewhere keeps it. Does nothing when it is not mounted. */
export async function unmountVolume(target: string): Promise<void> {
  while (await isMounted(target)) unmount(target)
}

/** In this mount namespace: the engine's own. */
async function isMounted(target: string): Promise<boolean> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')
  return lines.some((line) => line.split(' ')[4] === target)
}
