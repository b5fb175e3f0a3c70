import { once } from 'node:events'
import { connect } from 'node:net'

/** ms for an answer: HAProxy gives one between two requests. */
const patience = 10_000
/** Bytes of an answer. */
const mostBytes = 64 * 1024 * 1024
/** Characters of a line of commands: HAProxy reads 16 KiB at a time. */
const longestLine = 8_000

/** HAProxy is not there, or ends: what it has begun with is in its files. */
export class HaproxyAway extends Error {}

/** What a socket says where nobody listens any more. */
const unheard: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'])

/**
 * Speaks to HAProxy's runtime API over the socket of its master, which hands commands to the worker of now (management.txt §9.3, §9.4):
 * a connection for each line of commands.
 */
export class Runtime {
  readonly #socket: string

  constructor(socket: string) {
    this.#socket = socket
  }

  /** What the worker of now answers to a command. @throws HaproxyAway; Error where it does not answer in time */
  ask(command: string): Promise<string> {
    return this.master(`@1 ${command}`)
  }

  /** What is answered to a line: a command of the master's own, or one for a worker by `@!PID`. @throws as `ask` */
  async master(line: string): Promise<string> {
    const socket = connect(this.#socket)
    const late = setTimeout(() => socket.destroy(new Error('HAProxy does not answer')), patience)
    try {
      await once(socket, 'connect')
      socket.end(`${line}\n`)
      const pieces: Buffer[] = []
      let size = 0
      for await (const piece of socket as AsyncIterable<Buffer>) {
        pieces.push(piece)
        if ((size += piece.length) > mostBytes) throw new Error('HAProxy says more than fits')
      }
      return Buffer.concat(pieces).toString()
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      throw unheard.has(code) ? new HaproxyAway(message, { cause: error }) : error
    } finally {
      clearTimeout(late)
      socket.destroy()
    }
  }

  /** Sends commands, as many a line as fit. @returns all that is answered */
  async tell(commands: readonly string[]): Promise<string> {
    let said = ''
    let line: string[] = []
    let size = 0
    for (const command of commands) {
      if (line.length > 0 && size + command.length > longestLine) {
        said += await this.ask(line.join('; @1 '))
        line = []
        size = 0
      }
      line.push(command)
      size += command.length + 5
    }
    return line.length === 0 ? said : said + (await this.ask(line.join('; @1 ')))
  }

  /** A command with a text of several lines, of which empty ones are left out. */
  give(command: string, text: string): Promise<string> {
    const lines = text.split('\n').filter((line) => line.trim() !== '')
    return this.ask(`${command} <<\n${lines.join('\n')}\n`)
  }

  /** Resolves when the master is gone, or begins anew as it does to read its configuration again. */
  async gone(signal: AbortSignal): Promise<void> {
    const socket = connect(this.#socket)
    const end = (): void => void socket.destroy()
    signal.addEventListener('abort', end)
    try {
      socket.on('error', () => undefined).write('prompt\n')
      socket.resume()
      await once(socket, 'close').catch(() => undefined)
    } finally {
      signal.removeEventListener('abort', end)
    }
  }
}
