import { EngineError } from '../errors.js'
import type { Container, ContainerDeps } from './container.js'
import { logDetails } from './log-details.js'
import { logLimits } from './log-files.js'
import { type LogPiece, type LogSelection, readLog } from './logs.js'
import { settled } from './settle.js'

/** What a container has written, as its log has it. */
export class ContainerLog {
  readonly #deps: ContainerDeps
  readonly #container: Container

  constructor(deps: ContainerDeps, container: Container) {
    this.#deps = deps
    this.#container = container
  }

  /** Whether it was written by way of a terminal. */
  get tty(): boolean {
    return this.#container.record.config.Tty
  }

  /** What `--details` puts before each line. */
  get details(): string {
    return logDetails(this.#container.record)
  }

  /** @throws EngineError `unsupported` when the container keeps no log */
  refuseUnkept(): void {
    if (this.#container.record.hostConfig.LogConfig.Type === 'none')
      throw new EngineError('unsupported', 'configured logging driver does not support reading')
  }

  /** Resolves when there is what a program says as it begins, see `settled`. */
  whenBegun(signal: AbortSignal): Promise<void> {
    return settled(this.#container, signal)
  }

  /** Reads it; one that is followed ends with the container's run, or when the signal aborts. */
  read(query: LogSelection, signal: AbortSignal): AsyncIterable<LogPiece> {
    const ended = new AbortController()
    if (!this.#container.up) ended.abort()
    else if (query.follow)
      void this.#container.nextExit(signal).then(
        () => ended.abort(),
        () => ended.abort(),
      )
    const { maxFile } = logLimits(this.#container.record.hostConfig)
    const path = this.#deps.store.places(this.#container.id).log
    return readLog(path, maxFile, query, AbortSignal.any([ended.signal, signal]))
  }
}
