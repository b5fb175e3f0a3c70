import type { Duplex, Readable } from 'node:stream'
import type { ContainerCreateOptions, ContainerInfo, ContainerInspectInfo } from 'dockerode'
import { attachToContainer } from './attach.js'
import { answerMs, type EngineConnection } from './connection.js'
import { refusalStatus, unlessRefused } from './errors.js'
import { enterContainer, startExec, type EnteredExec, type ExecCommand, type ExecEnd } from './exec.js'
import { exitOf } from './exit.js'
import { pipeExec, type ExecPipes } from './pipe.js'
import type { LogAnswer } from './tail.js'

/** A container in an engine's list. */
export type ContainerSummary = ContainerInfo

/** A container looked at. */
export type ContainerDetails = ContainerInspectInfo

/** What an engine makes a container of. @types/dockerode does not know annotations (API 1.43). */
export type ContainerCreation = ContainerCreateOptions & {
  readonly name: string
  readonly HostConfig: { readonly Annotations: Readonly<Record<string, string>> }
}

/** What is read of a container's log. */
export interface ContainerLogQuery {
  /** Records from the end; all unless given. */
  readonly tail?: number
  /** In seconds of the epoch. */
  readonly since?: number
  readonly follow?: boolean
}

/** How an archive is unpacked in a container. */
export interface PutOptions {
  /** A directory that is there; `/` unless given. */
  readonly path?: string
  /** All of it is given to the user that the container's process runs as. */
  readonly toUser?: boolean
}

/** The containers of an engine. */
export class EngineContainers {
  readonly #connection: EngineConnection
  constructor(connection: EngineConnection) {
    this.#connection = connection
  }

  /** Those that carry all of these labels (`name=value`, or `name`), dead ones included. */
  list(labels: readonly string[]): Promise<ContainerSummary[]> {
    const filters = { label: [...labels] }
    return this.#connection.ask((docker) => docker.listContainers({ all: true, filters }))
  }

  /** Null when there is no such container. */
  inspect(id: string): Promise<ContainerDetails | null> {
    const details = this.#connection.ask((docker) => docker.getContainer(id).inspect())
    return unlessRefused(details, 404)
  }

  /** Answers with the id. */
  create(options: ContainerCreation): Promise<string> {
    // dockerode would repeat all of it, config vars included, in the URL
    const { name, platform, ...body } = options
    const request = { _query: { name, ...(platform === undefined ? {} : { platform }) }, _body: body }
    let again = false
    return this.#connection.ask(async (docker) => {
      try {
        return (await docker.createContainer(request as unknown as ContainerCreateOptions)).id
      } catch (error) {
        // names are used once: if it is taken, then by the attempt whose answer was lost
        if (again && (error as { statusCode?: number }).statusCode === 409)
          return (await docker.getContainer(name).inspect()).Id
        again = true
        throw error
      }
    })
  }

  async start(id: string): Promise<void> {
    await unlessRefused(
      this.#connection.ask((docker) => docker.getContainer(id).start()),
      304,
    )
  }

  async unpause(id: string): Promise<void> {
    await this.#connection.ask((docker) => docker.getContainer(id).unpause())
  }

  /** SIGTERM, then SIGKILL after `grace` seconds; resolves when it has ended. */
  async stop(id: string, grace: number): Promise<void> {
    const stopped = this.#connection.ask(
      (docker) => docker.getContainer(id).stop({ t: grace }),
      grace * 1000 + answerMs,
    )
    await unlessRefused(stopped, 304, 404)
  }

  /** Sends a signal: `SIGINT`. */
  async kill(id: string, signal: string): Promise<void> {
    await this.#connection.ask((docker) => docker.getContainer(id).kill({ signal }))
  }

  /** Sets the size of its terminal. */
  async resize(id: string, columns: number, rows: number): Promise<void> {
    await this.#connection.ask((docker) => docker.getContainer(id).resize({ w: columns, h: rows }))
  }

  /** Removes a container, running or not. False when the engine is at it already, and may be for long. */
  async remove(id: string): Promise<boolean> {
    try {
      await this.#connection.ask((docker) => docker.getContainer(id).remove({ force: true, v: true }))
    } catch (error) {
      if (refusalStatus(error) === 409) return false
      if (refusalStatus(error) !== 404) throw error
    }
    return true
  }

  /** Unpacks a tar archive in a directory of a container's file system. */
  async put(id: string, archive: Buffer, { path = '/', toUser = false }: PutOptions = {}): Promise<void> {
    const options = { path, ...(toUser ? { copyUIDGID: '1' } : {}) }
    await this.#connection.ask((docker) => docker.getContainer(id).putArchive(archive, options))
  }

  /** The same of an archive that is read as it comes. @param ms how long it may take */
  async putStream(
    id: string,
    archive: Readable,
    { path = '/', toUser = false }: PutOptions,
    ms: number,
  ): Promise<void> {
    const options = { path, ...(toUser ? { copyUIDGID: '1' } : {}) }
    await this.#connection.ask((docker) => docker.getContainer(id).putArchive(archive, options), ms)
  }

  /** What lies at a path of a container's file system, running or not, as a tar archive; null when nothing does. */
  async get(id: string, path: string): Promise<NodeJS.ReadableStream | null> {
    const archive = this.#connection.ask((docker) => docker.getContainer(id).getArchive({ path }))
    return unlessRefused(archive, 404)
  }

  /** A container's log. Ends with `signal`. */
  async log(id: string, { tail, since, follow }: ContainerLogQuery, signal?: AbortSignal): Promise<LogAnswer> {
    const query = {
      stdout: 1,
      stderr: 1,
      timestamps: 1,
      follow: follow ? 1 : 0,
      since: since ?? 0,
      tail: tail ?? 'all',
    }
    const answer = await this.#connection.ask(() =>
      this.#connection.stream({ method: 'GET', path: `/containers/${id}/logs`, query, signal }),
    )
    const stamps = String(answer.headers.server).startsWith('Berth') ? 'lines' : 'records'
    return Object.assign(answer, { stamps } as const)
  }

  /** Attaches to a container that has not started yet: see `attach`. */
  attach(id: string, stdin: boolean): Promise<Duplex> {
    return attachToContainer(this.#connection.socketPath, id, stdin)
  }

  /** Waits until a container has ended: see `exitOf`. */
  exitOf(id: string, signal: AbortSignal): Promise<number> {
    return exitOf(this.#connection, (one) => this.inspect(one), id, signal)
  }

  /** Starts a command in a running container: see `startExec`. */
  exec(id: string, words: readonly string[], input?: string): Promise<ExecCommand> {
    return startExec(this.#connection, id, words, input)
  }

  /** Runs a command in a running container, with streams: see `pipeExec`. */
  pipe(id: string, words: readonly string[], pipes: ExecPipes): Promise<ExecEnd> {
    return pipeExec(this.#connection, id, words, pipes)
  }

  /** Starts a command in a running container for somebody to sit before: see `enterContainer`. */
  enter(id: string, words: readonly string[], tty: boolean): Promise<EnteredExec> {
    return enterContainer(this.#connection, id, words, tty)
  }
}
