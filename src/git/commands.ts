import { BerthError } from '../errors.js'
import { packetAt } from './pkt-line.js'

/** One line of a push: move `ref` from `old` to `new`; forty zeros are "not there". */
export interface RefCommand {
  readonly old: string
  readonly new: string
  readonly ref: string
}

/** The beginning of a push's body, and what came with it. */
export interface Head {
  readonly commands: readonly RefCommand[]
  readonly capabilities: ReadonlySet<string>
  /** Push options. */
  readonly options: readonly string[]
  /** Everything up to the flush behind them, and it. */
  readonly bytes: Buffer
  /** What was read beyond it: the beginning of the pack. */
  readonly rest: Buffer
}

/** Far more refs, and ends of a shallow history, than anybody pushes to deploy. */
export const maxHeadBytes = 256 * 1024
/** What is read at once may hold the whole head and this much of the pack. */
const maxPacket = 64 * 1024

export const isZero = (oid: string): boolean => /^0+$/.test(oid)

/** @throws BerthError `invalid` for a line that is not `<old> <new> <ref>` */
export function parseCommand(line: string): RefCommand {
  const match = /^([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) (refs\/[^\0 \n]{1,1000})$/.exec(line)
  const [, before, after, ref] = match ?? []
  if (before === undefined || after === undefined || ref === undefined)
    throw new BerthError('invalid', 'the push begins with something that is not a list of refs')
  return { old: before, new: after, ref }
}

/**
 * Reads the command list of git-receive-pack's input (gitprotocol-pack(5), "Reference Update Request"), however the
 * network cut it. null when the body ends, or is a lone flush: the probe a client sends before a large push.
 * @throws BerthError `invalid`, `large`
 */
export async function readHead(chunks: AsyncIterator<Buffer>): Promise<Head | null> {
  const commands = new Map<string, RefCommand>()
  let capabilities: readonly string[] = []
  const options: string[] = []
  let inOptions = false
  const packets: Buffer[] = []
  let [bytes, rest] = [0, Buffer.alloc(0)]
  for (;;) {
    const packet = attempt(rest)
    if (packet === null) {
      const more = await take(chunks, missing(rest))
      if (more === null) return null
      bytes += more.length
      if (bytes > maxHeadBytes + maxPacket)
        throw new BerthError('large', 'the push names too many refs', 'push one branch')
      rest = Buffer.concat([rest, more])
      continue
    }
    packets.push(rest.subarray(0, packet.next))
    rest = rest.subarray(packet.next)
    if (packet.payload === null) {
      if (inOptions || commands.size === 0 || !capabilities.includes('push-options')) break
      inOptions = true
      continue
    }
    if (inOptions) {
      options.push(packet.payload.toString('utf8').replace(/\n$/, ''))
      continue
    }
    const [line = '', caps] = packet.payload.toString('utf8').replace(/\n$/, '').split('\0')
    if (caps !== undefined) capabilities = caps.trim().split(' ')
    if (line.startsWith('shallow ')) continue
    const command = parseCommand(line)
    if (commands.has(command.ref))
      throw new BerthError('invalid', `the push names ${command.ref} twice`, 'name it once')
    commands.set(command.ref, command)
  }
  if (commands.size === 0) return null
  return {
    commands: [...commands.values()],
    capabilities: new Set(capabilities),
    options,
    bytes: Buffer.concat(packets),
    rest,
  }
}

/** Bytes that a packet's beginning still lacks. */
const missing = (bytes: Buffer): number =>
  (bytes.length < 4 ? 4 : parseInt(bytes.toString('latin1', 0, 4), 16)) - bytes.length

/** At least so many bytes, joined once; null when there are no more. */
async function take(chunks: AsyncIterator<Buffer>, least: number): Promise<Buffer | null> {
  const pieces: Buffer[] = []
  for (let bytes = 0; bytes < least;) {
    const next = await chunks.next()
    if (next.done === true) return null
    pieces.push(next.value)
    bytes += next.value.length
  }
  return Buffer.concat(pieces)
}

function attempt(bytes: Buffer): ReturnType<typeof packetAt> {
  try {
    return packetAt(bytes, 0)
  } catch (cause) {
    throw new BerthError('invalid', 'the push does not begin with a list of refs', undefined, cause)
  }
}
