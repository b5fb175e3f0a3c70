import type { RefCommand } from './commands.js'
import { flush, pkt } from './pkt-line.js'

/** What became of one ref of a push; `reason` null is "done". */
export interface Verdict {
  readonly ref: string
  readonly reason: string | null
  /** The ref that was moved in its place. */
  readonly moved?: string
}

const line = ({ ref, reason }: Verdict): Buffer =>
  pkt(reason === null ? `ok ${ref}\n` : `ng ${ref} ${reason.replace(/\s+/g, ' ')}\n`)

/** The whole answer of a proc-receive hook (githooks(5)): it may be given before the question is read. */
export const procReceiveAnswer = (verdicts: readonly Verdict[]): Buffer =>
  Buffer.concat([pkt('version=1\n'), flush, ...verdicts.flatMap((one) => [line(one), ...moved(one)]), flush])

const moved = ({ moved }: Verdict): Buffer[] => (moved === undefined ? [] : [pkt(`option refname ${moved}\n`)])

/** Text for the pusher on the sideband's second channel, marked as Heroku marks what went wrong. */
export function spoken(...lines: readonly (string | undefined)[]): Buffer {
  const text = lines.flatMap((line) => (line === undefined ? [] : [` !     ${line}\n`])).join('')
  return pkt(Buffer.concat([Buffer.from([2]), Buffer.from(text).subarray(0, 60_000)]))
}

/** The body that answers a push none of whose refs receive-pack is to see (gitprotocol-pack(5), "Report Status"). */
export function refusal(commands: readonly RefCommand[], reason: string, capabilities: ReadonlySet<string>): Buffer {
  if (!capabilities.has('report-status') && !capabilities.has('report-status-v2')) return flush
  const report = Buffer.concat([pkt('unpack ok\n'), ...commands.map(({ ref }) => line({ ref, reason })), flush])
  if (!capabilities.has('side-band-64k')) return report
  const pieces: Buffer[] = []
  for (let at = 0; at < report.length; at += 60_000)
    pieces.push(pkt(Buffer.concat([Buffer.from([1]), report.subarray(at, at + 60_000)])))
  return Buffer.concat([...pieces, flush])
}
