import { FrameReader, RecordReader, type StampedLine, type Stamps } from './log-frames.js'

/** A log as it comes, in the engine's frames, with times. */
export interface LogAnswer extends AsyncIterable<Buffer> {
  readonly stamps: Stamps
}

/** Where logs are read: an engine's containers. */
export interface LogSource {
  log(id: string, query: { readonly tail: number }): Promise<LogAnswer>
}

/** UTF-16 units of text that are kept of one log; beyond it the oldest lines are left out, however few they are. */
const budget = 16 * 1024 * 1024

/** A time as text that sorts: engines write UTC, with fractions of differing length. */
export const sortable = (time: string): string => {
  const [whole = '', fraction = ''] = time.replace(/Z$/, '').split('.')
  return `${whole}.${fraction.padEnd(9, '0')}`
}

/** Compares lines by time. */
export const inOrder = (a: { readonly time: string }, b: { readonly time: string }): number => {
  const [x, y] = [sortable(a.time), sortable(b.time)]
  return x < y ? -1 : x > y ? 1 : 0
}

/** Records of one line that is not cut for its length, and more. */
const longest = 16

/**
 * The last lines of a container's log. Engines count records, of which a long line is several, and begin in the middle of
 * one: so more are asked for where there are too few lines, or one of them may be the rest of a line only.
 */
export async function readTail(source: LogSource, id: string, lines: number): Promise<StampedLine[]> {
  if (lines === 0) return []
  for (let tail = lines + longest, tries = 1; ; tail = tail * 2 + longest, tries++) {
    const { kept, begun, whole } = await readRecords(source, id, tail, lines + longest)
    // a long line comes after shorter ones of the other stream that began, and ended, meanwhile
    const last = kept.sort(inOrder).slice(-lines)
    const enough = last.length === lines && (tries > 1 || !last.some((line) => begun.includes(line)))
    if (whole || enough) return last
  }
}

/**
 * Reads that many records and keeps the last `lines` that ended. `begun` is the first line of each stream, which may have begun before;
 * `whole` is whether asking for more is of no use.
 */
async function readRecords(
  source: LogSource,
  id: string,
  tail: number,
  lines: number,
): Promise<{ kept: StampedLine[]; begun: StampedLine[]; whole: boolean }> {
  const frames = new FrameReader()
  const answer = await source.log(id, { tail })
  const records = new RecordReader(answer.stamps)
  const kept: StampedLine[] = []
  const begun: StampedLine[] = []
  const text = { size: 0, full: false }
  const keep = (line: StampedLine) => {
    if (!begun.some((one) => one.stream === line.stream)) begun.push(line)
    kept.push(line)
    text.size += line.text.length
    while (kept.length > lines || (text.size > budget && kept.length > 1)) {
      text.full ||= text.size > budget
      text.size -= kept.shift()?.text.length ?? 0
    }
  }
  for await (const chunk of answer) for (const frame of frames.read(chunk)) records.read(frame).forEach(keep)
  records.end().forEach(keep)
  return { kept, begun, whole: text.full || records.count < tail }
}
