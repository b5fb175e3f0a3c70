import { setTimeout as delay } from 'node:timers/promises'
import type Docker from 'dockerode'
import type { ContainerCreateOptions, ContainerInfo, ContainerInspectInfo } from 'dockerode'
import { label } from '../config.js'
import { BerthError, messageOf } from '../errors.js'
import type { ImageCommand } from './command.js'
import { networkOf, specLabel } from './desired.js'
import type { Found } from './plan.js'

/** Images whose command is kept in mind. */
const remembered = 1_000

/** The part of an engine's `GET /info` that the platform reads. */
export interface EngineInfo {
  /** `uname -m` */
  readonly Architecture?: string
  readonly InitBinary?: string
  readonly InitCommit?: { readonly ID?: string }
}

/** Answers later than this, in milliseconds, count as none: a killed engine may leave half an answer behind. */
const patience = 30_000

export const statusOf = (error: unknown): number | undefined =>
  error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : undefined

/** True when the engine could not be talked to, as opposed to having said no. */
export const isAway = (error: unknown): boolean => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const away = ['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT']
  return (typeof code === 'string' && away.includes(code)) || messageOf(error).includes('socket hang up')
}

/** The engine's own words, without dockerode's "(HTTP code 404) no such container - " before them. */
export const wordsOf = (error: unknown): string =>
  messageOf(error)
    .replace(/^\(HTTP code \d+\) [^-]*- /, '')
    .trim()

async function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  const late = new AbortController()
  const timeout = delay(ms, undefined, { signal: late.signal }).then(() => {
    throw Object.assign(new Error(`the engine did not answer within ${ms / 1000} s`), { code: 'ETIMEDOUT' })
  })
  try {
    return await Promise.race([answer, timeout])
  } finally {
    late.abort()
    timeout.catch(() => undefined)
  }
}

const foundOf = (info: ContainerInfo): Found => {
  const labels = info.Labels
  const app = labels[label.app] ?? ''
  return {
    id: info.Id,
    process: labels[label.process] ?? '',
    type: labels[label.type] ?? '',
    release: Number(labels[label.release] ?? 0),
    spec: labels[specLabel] ?? '',
    running: info.State === 'running' || info.State === 'paused',
    paused: info.State === 'paused',
    removing: info.State === 'removing',
    createdAt: info.Created,
    address: info.NetworkSettings.Networks[networkOf(app)]?.IPAddress ?? '',
  }
}

/**
 * The few things the scheduler asks of an engine. Each may be repeated, and is, while the engine is away: a restarted
 * engine goes on where the killed one was. Gives up after `away` milliseconds with BerthError `unavailable`.
 */
export class Engine {
  readonly docker: Docker
  readonly #instance: string
  readonly #away: number
  readonly #commands = new Map<string, ImageCommand>()
  readonly #started = new Map<string, string>()
  constructor(docker: Docker, instance: string, away: number) {
    this.docker = docker
    this.#instance = instance
    this.#away = away
  }

  /** Containers of an app, or of all apps, dead ones included; by app id. */
  async list(app?: string): Promise<Map<string, Found[]>> {
    const labels = [`${label.instance}=${this.#instance}`, app === undefined ? label.app : `${label.app}=${app}`]
    const all = await this.#ask(() => this.docker.listContainers({ all: true, filters: { label: labels } }))
    const apps = new Map<string, Found[]>()
    for (const info of all) {
      const id = info.Labels[label.app] ?? ''
      apps.set(id, [...(apps.get(id) ?? []), foundOf(info)])
    }
    return apps
  }

  /** Null when there is no such container. */
  async inspect(id: string): Promise<ContainerInspectInfo | null> {
    return this.#ask(() => this.docker.getContainer(id).inspect()).catch((error: unknown) => {
      if (statusOf(error) === 404) return null
      throw error
    })
  }

  /** A running container's address on its app's network; '' when it has none. */
  async addressOf(id: string, app: string): Promise<string> {
    const info = await this.inspect(id)
    return info?.NetworkSettings.Networks[networkOf(app)]?.IPAddress ?? ''
  }

  /**
   * When a container was last started, as the engine writes it; null when it is not there. Asked once, for each look at an
   * app comes by here: `forget` what an event, or a gap between events, may have changed.
   */
  async startedAt(id: string): Promise<string | null> {
    const known = this.#started.get(id)
    if (known !== undefined) return known
    const info = await this.inspect(id)
    if (!info) return null
    if (info.State.Running) this.#started.set(id, info.State.StartedAt)
    return info.State.StartedAt
  }

  /** Forgets when a container was started, or all of them. */
  forget(id?: string): void {
    if (id === undefined) this.#started.clear()
    else this.#started.delete(id)
  }

  /** Whether a container runs and is not on its app's network: one that starts or ends is, without an address. */
  async isDisconnected(id: string, app: string): Promise<boolean> {
    const info = await this.inspect(id)
    return info?.State.Running === true && !Object.hasOwn(info.NetworkSettings.Networks, networkOf(app))
  }

  async unpause(id: string): Promise<void> {
    await this.#ask(() => this.docker.getContainer(id).unpause())
  }

  /** Puts a container on its app's network, under these names. */
  async connect(id: string, app: string, aliases: readonly string[]): Promise<void> {
    const options = { Container: id, EndpointConfig: { Aliases: [...aliases] } }
    await this.#ask(() => this.docker.getNetwork(networkOf(app)).connect(options))
  }

  async create(options: ContainerCreateOptions & { name: string }): Promise<string> {
    let again = false
    return this.#ask(async () => {
      try {
        // dockerode would repeat all of it, config vars included, in the URL
        const { name, platform, ...body } = options
        const request = { _query: { name, ...(platform === undefined ? {} : { platform }) }, _body: body }
        return (await this.docker.createContainer(request as unknown as ContainerCreateOptions)).id
      } catch (error) {
        // the name is random: if it is taken, then by the attempt whose answer was lost
        if (again && statusOf(error) === 409) return (await this.docker.getContainer(options.name).inspect()).Id
        again = true
        throw error
      }
    })
  }

  async start(id: string): Promise<void> {
    await this.#ask(() => this.docker.getContainer(id).start(), [304])
  }

  /** SIGTERM, then SIGKILL after `grace` seconds; resolves when it has ended. */
  async stop(id: string, grace: number): Promise<void> {
    await this.#ask(() => this.docker.getContainer(id).stop({ t: grace }), [304, 404], grace * 1000 + patience)
  }

  /** Removes a container, running or not. False when the engine is at it already, and may be for long. */
  async remove(id: string): Promise<boolean> {
    let gone = true
    await this.#ask(async () => {
      try {
        await this.docker.getContainer(id).remove({ force: true, v: true })
      } catch (error) {
        if (statusOf(error) !== 409) throw error
        gone = false
      }
    }, [404])
    this.#started.delete(id)
    return gone
  }

  /** A container's log with times, in the engine's frames; `since` is in seconds of the epoch. Ends with `signal`. */
  async log(
    id: string,
    { tail, since, follow }: { readonly tail?: number; readonly since?: number; readonly follow?: boolean },
    signal?: AbortSignal,
  ): Promise<AsyncIterable<Buffer>> {
    const wanted = {
      stdout: 1,
      stderr: 1,
      timestamps: 1,
      follow: follow ? 1 : 0,
      since: since ?? 0,
      tail: tail ?? 'all',
    }
    const query = new URLSearchParams(
      Object.entries(wanted).map(([name, value]): [string, string] => [name, String(value)]),
    )
    // not dockerode's `logs`, which keeps all of a log that is not followed in memory
    const request = {
      // dockerode takes the last character off a path with a query
      path: `/containers/${id}/logs?${query.toString()}&`,
      method: 'GET',
      isStream: true,
      ...(signal ? { abortSignal: signal } : {}),
      statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
      options: undefined,
    }
    return this.#ask(
      () =>
        new Promise((resolve, reject) => {
          this.docker.modem.dial(request, (error: unknown, answer: unknown) => {
            if (error) reject(error instanceof Error ? error : new Error('no answer'))
            else resolve(answer as AsyncIterable<Buffer>)
          })
        }),
    )
  }

  async ensureNetwork(app: string): Promise<void> {
    const name = networkOf(app)
    const there = await this.#ask(() => this.docker.getNetwork(name).inspect()).catch((error: unknown) => {
      if (statusOf(error) === 404) return null
      throw error
    })
    if (there) return
    const labels = { [label.instance]: this.#instance, [label.app]: app }
    const options = { Name: name, Driver: 'bridge', CheckDuplicate: true, Labels: labels }
    await this.#ask(() => this.docker.createNetwork(options), [409])
  }

  async removeNetwork(app: string): Promise<void> {
    await this.#ask(() => this.docker.getNetwork(networkOf(app)).remove(), [404])
  }

  /** Apps that have a network here. */
  async networks(): Promise<string[]> {
    const filters = { label: [`${label.instance}=${this.#instance}`, label.app] }
    const all = await this.#ask(() => this.docker.listNetworks({ filters }))
    return all.flatMap((network) => network.Labels?.[label.app] ?? [])
  }

  async info(): Promise<EngineInfo> {
    return (await this.#ask(() => this.docker.info())) as EngineInfo
  }

  /** What an image runs of its own; nothing for one that is not there, which `create` will say. */
  async commandOf(image: string): Promise<ImageCommand> {
    const known = this.#commands.get(image)
    if (known) return known
    const info = await this.#ask(() => this.docker.getImage(image).inspect()).catch((error: unknown) => {
      if (statusOf(error) === 404) return null
      throw error
    })
    if (!info) return { entrypoint: [], cmd: [] }
    // null, or a string from some engines, whatever the types say
    const { Entrypoint, Cmd } = info.Config as Readonly<Record<'Entrypoint' | 'Cmd', string | string[] | null>>
    const command = { entrypoint: [Entrypoint ?? []].flat(), cmd: [Cmd ?? []].flat() }
    if (this.#commands.size >= remembered) this.#commands.clear()
    this.#commands.set(image, command)
    return command
  }

  /** Unpacks a tar archive at the root of a container's file system. */
  async put(id: string, archive: Buffer): Promise<void> {
    await this.#ask(() => this.docker.getContainer(id).putArchive(archive, { path: '/' }))
  }

  async #ask<T>(question: () => Promise<T>, fine: readonly number[] = [], ms = patience): Promise<T> {
    const until = Date.now() + this.#away
    for (let pause = 50; ; pause = Math.min(pause * 2, 1000)) {
      try {
        return await within(ms, question())
      } catch (error) {
        if (fine.includes(statusOf(error) ?? 0)) return undefined as T
        if (!isAway(error)) throw error
        if (Date.now() + pause > until)
          throw new BerthError(
            'unavailable',
            'the container engine does not answer',
            'see the log of the engine under the root directory of Berth',
            error,
          )
        await delay(pause)
      }
    }
  }
}
