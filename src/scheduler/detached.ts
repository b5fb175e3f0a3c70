import { setTimeout as delay } from 'node:timers/promises'
import { FrameReader, RecordReader } from '../engine-client/log-frames.js'
import { BerthError, is } from '../errors.js'
import type { App } from '../store/apps.js'
import type { Release } from '../store/releases.js'
import { endingOf } from './diagnosis.js'
import { createOneOff, refused, type OneOffDeps } from './one-off.js'
import type { Detached, DetachedEnding, DetachedOptions, DetachedSpec } from './scheduler.js'

/** What starting one needs. */
export interface DetachedDeps extends OneOffDeps {
  /** Seconds between SIGTERM and SIGKILL. */
  readonly grace: number
}

/** An engine that went away is asked again this often. Milliseconds. */
const againMs = 1_000

/** See `Scheduler.detach`. */
export async function startDetached(
  deps: DetachedDeps,
  app: App,
  release: Release,
  spec: DetachedSpec,
): Promise<Detached> {
  const { type, ...order } = spec
  const id = await createOneOff(deps, app, release, {
    ...{ ...order, tty: false, stdin: false },
    ...(type === undefined ? {} : { type }),
  })
  try {
    await deps.engine.start(id).catch(refused)
    return detachedOf(deps, app.id, spec.run, id)
  } catch (error) {
    await deps.engine.remove(id)
    throw error
  }
}

/** See `Scheduler.detached`. */
export async function listDetached(deps: DetachedDeps): Promise<Detached[]> {
  const all = [...(await deps.engine.list())]
  return all.flatMap(([app, containers]) =>
    containers.flatMap(({ id, run }) => (run === undefined ? [] : [detachedOf(deps, app, run, id)])),
  )
}

const detachedOf = (deps: DetachedDeps, app: string, run: string, id: string): Detached => ({
  app,
  run,
  follow: (options) => follow(deps, id, options),
  stop: () => deps.engine.stop(id, deps.grace),
  remove: async () => {
    await deps.engine.remove(id)
  },
})

async function follow({ engine }: DetachedDeps, id: string, options: DetachedOptions): Promise<DetachedEnding> {
  const { signal } = options
  const told = { count: 0 }
  for (;;) {
    signal.throwIfAborted()
    try {
      // a worker may have died between making and starting it
      const made = await engine.inspect(id)
      if (made === null || made.State.Status === 'created') throw gone()
      await readLog(engine, id, told, options)
      const read = Date.now()
      const code = await engine.client.containers.exitOf(id, signal)
      // the log ends with its container, unless the engine went away before
      if (Date.now() - read > againMs) await readLog(engine, id, told, options)
      const info = await engine.inspect(id)
      if (info === null) throw gone()
      const { State, HostConfig } = info
      return { code, words: endingOf(State, HostConfig.Memory ?? 0), finishedAt: State.FinishedAt }
    } catch (error) {
      signal.throwIfAborted()
      if (is(error, 'missing') || (await engine.inspect(id).catch(() => undefined)) === null) throw gone()
      await delay(againMs, undefined, { signal })
    }
  }
}

/** Tells the lines that were not told, to the end of the log; of one that runs, until it has ended. */
async function readLog(
  engine: DetachedDeps['engine'],
  id: string,
  told: { count: number },
  { line, signal }: DetachedOptions,
): Promise<void> {
  const stream = await engine.log(id, { follow: true }, signal)
  const [frames, records] = [new FrameReader(), new RecordReader(stream.stamps)]
  let skip = told.count
  const tell = async (lines: ReturnType<RecordReader['read']>): Promise<void> => {
    for (const { time, text } of lines) {
      if (skip-- > 0) continue
      told.count += 1
      await line(time, text)
    }
  }
  for await (const chunk of stream) for (const frame of frames.read(chunk)) await tell(records.read(frame))
  await tell(records.end())
}

const gone = (): BerthError => new BerthError('missing', 'its container is gone: nobody knows how it ended')
