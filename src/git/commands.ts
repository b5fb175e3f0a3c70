import { BerthError } from '../errors.js'
import { packetAt } from './pkt-line.js'

/** One line of a push: move `ref` from `old` to `new`; forty zeros are "not there". */
export interface Command {
  readonly old: string
  readonly new: string
  readonly ref: string
}

/** The beginning of a push's body, and what came with it. */
export interface Head {
  readonly commands: readonly Command[]
  readonly capabilities: ReadonlySet<string>
  /** Everything up to the flush, and it. */
  readonly bytes: Buffer
  /** What was read beyond it: the beginning of the pack. */
  readonly rest: Buffer
}

/** Far more refs than anybody pushes to deploy. */
const maxBytes = 64 * 1024

export const isZero = (oid: string): boolean => /^0+$/.test(oid)

/** @throws BerthError `invalid` for a line that is not `<old> <new> <ref>` */
export function parseCommand(line: string): Command {
  const match = /^([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) (refs\/[^\0 \n]+)$/.exec(line)
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
  const commands: Command[] = []
  let capabilities: readonly string[] = []
  let bytes = Buffer.alloc(0)
  let at = 0
  for (;;) {
    const packet = attempt(bytes, at)
    if (packet === null) {
      if (bytes.length > maxBytes) throw new BerthError('large', 'the push names too many refs', 'push one branch')
      const next = await chunks.next()
      if (next.done === true) return null
      bytes = Buffer.concat([bytes, next.value])
      continue
    }
    at = packet.next
    if (packet.payload === null) break
    const [line = '', caps] = packet.payload.toString('utf8').replace(/\n$/, '').split('\0')
    if (caps !== undefined) capabilities = caps.trim().split(' ')
    if (!line.startsWith('shallow ')) commands.push(parseCommand(line))
  }
  if (commands.length === 0) return null
  return { commands, capabilities: new Set(capabilities), bytes: bytes.subarray(0, at), rest: bytes.subarray(at) }
}

function attempt(bytes: Buffer, at: number): ReturnType<typeof packetAt> {
  try {
    return packetAt(bytes, at)
  } catch (cause) {
    throw new BerthError('invalid', 'the push does not begin with a list of refs', undefined, cause)
  }
}
