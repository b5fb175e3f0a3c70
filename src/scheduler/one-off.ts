import { randomInt } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { Config } from '../config.js'
import { refusalStatus } from '../engine-client/errors.js'
import { sessionFrames } from '../engine-client/log-frames.js'
import { BerthError, is, messageOf } from '../errors.js'
import type { App } from '../store/apps.js'
import type { Release } from '../store/releases.js'
import { oneOffWords, processWords } from './command.js'
import { oneOffCreation, type OneOffProcess } from './creation.js'
import type { AppEngine } from './app-engine.js'
import { imageOf, oneOffType } from './desired.js'
import { initFor } from './init/init.js'
import { linkJoins } from './links.js'
import { joinsOf, placesOf, settingsOf } from './settings.js'
import type { OneOff } from './scheduler.js'

/** What running one needs. */
export interface OneOffDeps {
  readonly engine: AppEngine
  readonly config: Config
  /** As in `SchedulerDeps`. */
  readonly linked: (release: Release) => Promise<Release>
}

/** How one is run. */
export interface OneOffOptions {
  /** A line as in a Procfile, null for the image's own; or words: one is a line for the shell, several are run as they are. */
  readonly command: string | readonly string[] | null
  /** Process type whose image it runs in; the release's own where none is said. */
  readonly type?: string
  readonly tty: boolean
  /** Whether the command reads anything. */
  readonly stdin: boolean
  readonly size?: { readonly columns: number; readonly rows: number }
  /** Default `run.<four digits>`. */
  readonly process?: string
  /** When the client leaves: the command is killed and removed. */
  readonly signal: AbortSignal
}

/** @throws BerthError `conflict` before the first push, `missing` when the image is gone, `invalid` when it cannot start */
export async function startOneOff(
  deps: OneOffDeps,
  app: App,
  release: Release,
  options: OneOffOptions,
): Promise<OneOff> {
  const { engine } = deps
  const process = options.process ?? `${oneOffType}.${randomInt(1000, 10_000)}`
  const { tty, stdin, size, signal } = options
  const id = await createOneOff(deps, app, release, { ...options, process })
  try {
    signal.throwIfAborted()
    const { containers } = engine.client
    // before the start, so that nothing it writes is lost
    const stream = await containers.attach(id, stdin)
    await engine.start(id).catch(refused)
    const resize = (columns: number, rows: number) => containers.resize(id, columns, rows)
    if (tty && size)
      await resize(size.columns, size.rows).catch((error: unknown) => {
        // one that has ended already has no terminal any more
        if (is(error, 'unavailable')) throw error
      })
    const exit = finish(engine, id, stream, signal)
    exit.catch(() => undefined) // whoever waits for it is told; nobody may
    return {
      process,
      stdin: stream,
      output: sessionFrames(stream, tty),
      exit,
      resize,
      kill: (name) => containers.kill(id, name),
    }
  } catch (error) {
    await engine.remove(id)
    throw error
  }
}

/** What a one-off is made of. */
type OneOffOrder = Omit<OneOffProcess, 'run'> & Pick<OneOffOptions, 'command' | 'type'> & { readonly run?: string }

/**
 * Makes the container of a one-off, not yet started. @returns its id
 * @throws BerthError `conflict` before the first push, `missing` when the image is gone, `invalid` when it cannot start
 */
export async function createOneOff(
  { engine, config, linked }: OneOffDeps,
  app: App,
  release: Release,
  { command, type = oneOffType, ...oneOff }: OneOffOrder,
): Promise<string> {
  if (release.image === null)
    throw new BerthError('conflict', `${app.name} has nothing to run yet`, 'push it first: `git push berth main`')
  const image = imageOf(release, type)
  const init = await initFor(engine, config)
  const own = await engine.commandOf(image)
  const words = typeof command === 'string' || command === null ? processWords(command, own) : oneOffWords(command, own)
  await engine.ensureNetworks(app.id, placesOf(release))
  const whole = await linked(release)
  const creation = oneOffCreation({ instance: config.name, app, release: whole }, { ...oneOff, type }, { words, init })
  // it has none of the names that others look for
  const [, ...joins] = joinsOf(app.id, settingsOf(release, type), []).map((join) => ({ ...join, aliases: [] }))
  const id = await engine.create({ ...creation, Image: image }, [...joins, ...linkJoins(release.links)]).catch(refused)
  try {
    if (init.archive) await engine.put(id, init.archive)
    return id
  } catch (error) {
    await engine.remove(id)
    throw error
  }
}

async function finish(engine: AppEngine, id: string, stream: Duplex, signal: AbortSignal): Promise<number> {
  try {
    return await engine.client.containers.exitOf(id, signal)
  } finally {
    // the engine closes the stream once all output is out; what is read late is still read
    if (signal.aborted) stream.destroy()
    else stream.end()
    await engine.remove(id)
  }
}

/** Says in words why an engine would not make or start a one-off. */
export function refused(error: unknown): never {
  if (error instanceof BerthError) throw error
  if (refusalStatus(error) === 404)
    throw new BerthError('missing', `the app's image is no longer on the engine`, 'push the app again', error)
  throw new BerthError('invalid', `it could not start: ${messageOf(error)}`, undefined, error)
}
