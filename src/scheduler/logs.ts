import { label, type Config } from '../config.js'
import type { EngineClient } from '../engine-client/client.js'
import { FrameReader, RecordReader, type StampedLine } from '../engine-client/log-frames.js'
import { isAway, refusalStatus } from '../engine-client/errors.js'
import { inOrder, readTail, sortable } from '../engine-client/tail.js'
import { is } from '../errors.js'
import type { App } from '../store/apps.js'
import { oneOffType } from './desired.js'
import { AppEngine } from './app-engine.js'
import { followApps } from './events.js'
import { orMissing } from '../lib/missing.js'
import { Semaphore } from '../lib/semaphore.js'
import { Channel } from './channel.js'
import type { ObservedContainer } from './plan.js'
import type { LogLine, LogQuery } from './scheduler.js'

/** What reading logs needs. */
export interface LogsDeps {
  readonly config: Config
  readonly engine: EngineClient
}

const lineOf = (process: string, { time, text }: StampedLine): LogLine => ({ time, source: 'app', process, text })

/** How long whoever follows waits for an engine that is away, in milliseconds. */
const followMs = 10_000

/** Logs that are read at once. */
const readers = 4

/** See `Scheduler.logs`; the lines are of the engine's own logs. */
export async function* readLogs(
  { config, engine: client }: LogsDeps,
  app: App,
  query: LogQuery,
): AsyncGenerator<LogLine> {
  const { process, follow, signal, beside = [] } = query
  const engine = new AppEngine(follow ? client.waiting(followMs) : client, config.name)
  const wanted = (one: { process: string; type: string }) =>
    one.type !== oneOffType && (process === null || process === one.process || process === one.type)
  const list = async () => ((await engine.list(app.id)).get(app.id) ?? []).filter(wanted)

  let failure: { readonly error: unknown } | undefined
  const lost = (error: unknown): void => {
    failure ??= { error }
    followed.lines.end()
  }
  const followed = new Followed(engine, signal, lost)
  const events = followApps(client, [`${label.instance}=${config.name}`, `${label.app}=${app.id}`], signal)
  // connect to the events before looking, so that no process starts in between unseen
  const first = follow ? await events.next() : null
  if (follow) await Promise.all(beside.map((source) => source.open(query, signal)))
  const there = await list()
  yield* await lastLines(engine, there, query, followed)
  if (first === null || first.done) return

  followed.addRunning(there)
  for (const source of beside) void followed.readOn(source.follow(query, signal)).catch(lost)
  void (async () => {
    for await (const event of events) {
      if (event.action === 'start' && wanted(event)) followed.add(event)
      // the engine was away: its streams have ended
      if (event.action === 'connected') followed.addRunning(await list())
    }
  })()
    .catch(lost)
    .finally(() => followed.lines.end())
  yield* followed.lines
  if (failure !== undefined && !signal.aborted) throw failure.error
}

/** What was written last, of all processes; who follows is told where each log ended. */
async function lastLines(
  engine: AppEngine,
  there: readonly ObservedContainer[],
  query: LogQuery,
  followed: Followed,
): Promise<LogLine[]> {
  const { lines, beside = [] } = query
  const semaphore = new Semaphore(readers)
  let last: LogLine[] = []
  const read = async (one: ObservedContainer) => {
    const tail = await tailOf(engine, one, lines)
    followed.told(one.id, tail)
    if (lines > 0) last = [...last, ...tail].sort(inOrder).slice(-lines)
  }
  await Promise.all(there.map((one) => semaphore.run(() => read(one))))
  for (const source of beside) last = [...last, ...(await source.tail(query))].sort(inOrder).slice(-Math.max(lines, 1))
  return lines === 0 ? [] : last
}

async function tailOf(engine: AppEngine, one: ObservedContainer, lines: number): Promise<LogLine[]> {
  // to know from where to follow: one line at least, and all of its time, for lines that were written at once have one
  for (let count = lines + 1; ; count *= 2) {
    const tail = await readTail(engine, one.id, count).catch(orMissing([]))
    if (tail.length === count && tail[0]?.time === tail.at(-1)?.time) continue
    return tail.map((line) => lineOf(one.process, line))
  }
}

/**
 * Whether a log cannot be followed because its container is gone, or going, or because the engine is away: then it is read again,
 * from there on, once that is back.
 */
const hasEnded = (error: unknown): boolean =>
  refusalStatus(error) !== undefined ||
  isAway(error) ||
  is(error, 'unavailable') ||
  (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE'

/** The live logs of several containers, as one. */
class Followed {
  readonly lines = new Channel<LogLine>()
  readonly #engine: AppEngine
  readonly #signal: AbortSignal
  readonly #open = new Set<string>()
  readonly #lost: (error: unknown) => void
  /** Container id -> time of the last line told, and how many of that time: where to go on after a gap. */
  readonly #marks = new Map<string, { time: string; count: number }>()

  /** @param lost is told of what ends all of it */
  constructor(engine: AppEngine, signal: AbortSignal, lost: (error: unknown) => void) {
    this.#engine = engine
    this.#signal = signal
    this.#lost = lost
  }

  told(id: string, lines: readonly LogLine[]): void {
    for (const { time } of lines) {
      const mark = this.#marks.get(id)
      const key = sortable(time)
      this.#marks.set(id, { time: key, count: mark?.time === key ? mark.count + 1 : 1 })
    }
  }

  add(one: { readonly id: string; readonly process: string }): void {
    if (this.#open.has(one.id)) return
    this.#open.add(one.id)
    void this.#read(one)
      .catch((error: unknown) => {
        if (!hasEnded(error)) this.#lost(error)
      })
      .finally(() => this.#open.delete(one.id))
  }

  addRunning(all: readonly ObservedContainer[]): void {
    for (const one of all) if (one.running) this.add(one)
  }

  /** Reads lines that are kept elsewhere. */
  async readOn(lines: AsyncIterable<LogLine>): Promise<void> {
    for await (const line of lines) {
      this.lines.push(line, line.text.length)
      await this.lines.room()
    }
  }

  async #read({ id, process }: { readonly id: string; readonly process: string }): Promise<void> {
    const mark = this.#marks.get(id)
    const since = mark ? Math.floor(Date.parse(`${mark.time.slice(0, 19)}Z`) / 1000) : 0
    const stream = await this.#engine.log(id, { since, follow: true }, this.#signal)
    let again = mark?.count ?? 0
    const tell = (stamped: StampedLine) => {
      const line = lineOf(process, stamped)
      const key = sortable(line.time)
      // `since` is in whole seconds: what was told before comes once more
      if (mark && key < mark.time) return
      if (mark && key === mark.time && again-- > 0) return
      this.told(id, [line])
      this.lines.push(line, line.text.length)
    }
    const frames = new FrameReader()
    const records = new RecordReader(stream.stamps)
    for await (const chunk of stream) {
      for (const frame of frames.read(chunk)) records.read(frame).forEach(tell)
      await this.lines.room()
    }
    records.end().forEach(tell)
  }
}
