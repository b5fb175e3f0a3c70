import type { EngineClient } from '../engine-client/client.js'
import { FrameReader, RecordReader, type StampedLine } from '../engine-client/log-frames.js'
import { readTail, sortable } from '../engine-client/tail.js'

/** What is read of a log. */
export interface ServiceLogQuery {
  /** How many of the last lines. */
  readonly lines: number
  /** Go on with what is written from now on, until the container is gone. */
  readonly follow: boolean
  readonly signal: AbortSignal
}

/** What a service's container wrote: the last lines, then each as it comes. */
export async function* serviceLog(
  { containers }: EngineClient,
  id: string,
  { lines, follow, signal }: ServiceLogQuery,
): AsyncGenerator<StampedLine> {
  const last = await readTail(containers, id, Math.max(lines, 1))
  if (lines > 0) yield* last
  if (!follow) return
  const mark = last.at(-1)?.time
  const since = mark === undefined ? 0 : Math.floor(Date.parse(mark) / 1000)
  const answer = await containers.log(id, { since, follow: true }, signal)
  const frames = new FrameReader()
  const records = new RecordReader(answer.stamps)
  // `since` is in whole seconds: what was told before comes once more
  const isNew = ({ time }: StampedLine): boolean => mark === undefined || sortable(time) > sortable(mark)
  for await (const chunk of answer) for (const frame of frames.read(chunk)) yield* records.read(frame).filter(isNew)
  yield* records.end().filter(isNew)
}
