import { once } from 'node:events'
import type { WebSocket } from 'ws'
import { z } from 'zod'
import type { Caller } from '../access/caller.js'
import { deadline } from '../lib/deadline.js'
import { formatDuration } from '../lib/duration.js'
import { BerthError, messageOf } from '../errors.js'
import { bodyOfFault, toFault } from './faults.js'
import type { OneOff, OneOffSpec } from '../scheduler/scheduler.js'
import type { ControlApiDeps } from './platform.js'
import { channel, inputWindow, type FromServer } from './run-messages.js'

const Terminal = { rows: z.int().min(1).max(9999), columns: z.int().min(1).max(9999) }

const ClientMessage = z.union([
  z.strictObject({
    start: z.strictObject({
      command: z.array(z.string().refine((word) => !word.includes('\0'), 'a word of a command holds no NUL')),
      tty: z.boolean().default(false),
      rows: Terminal.rows.default(24),
      columns: Terminal.columns.default(80),
    }),
  }),
  z.strictObject({ resize: z.strictObject(Terminal) }),
  z.strictObject({ eof: z.literal(true) }),
])
type ClientMessage = z.output<typeof ClientMessage>
type RunStart = Extract<ClientMessage, { start: unknown }>['start']

const noMessage = (): BerthError =>
  new BerthError('invalid', 'a text frame is not a message of `run`', 'see docs/api.md for what the messages are')

function parse(text: string): ClientMessage {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new BerthError('invalid', 'a text frame is not JSON', 'see docs/api.md for what the messages are')
  }
  const parsed = ClientMessage.safeParse(json)
  if (!parsed.success) throw noMessage()
  return parsed.data
}

const tell = (socket: WebSocket, message: FromServer): void => socket.send(JSON.stringify(message))

/** Sends what a process writes, no faster than the caller reads. */
async function pump(socket: WebSocket, output: OneOff['output']): Promise<void> {
  for await (const { stream, chunk } of output)
    await new Promise<void>((resolve) =>
      socket.send(Buffer.concat([Buffer.of(channel[stream]), chunk]), { binary: true }, () => resolve()),
    )
}

/** So many frames may come before the process runs. */
const earlyFrames = 1024

/** A caller's messages, taken apart: the first is `start`, and what comes before the process runs is kept for it. */
class Incoming {
  readonly start: Promise<RunStart>
  readonly #socket: WebSocket
  readonly #early: Buffer[] = []
  #eof = false
  /** Bytes of standard input that the process has not taken. */
  #held = 0
  #process: OneOff | undefined
  #size: { rows: number; columns: number } | undefined
  #over = false

  constructor(socket: WebSocket) {
    this.#socket = socket
    this.start = new Promise((resolve, reject) => {
      socket.on('message', (data, isBinary) => {
        if (this.#over) return
        try {
          if (isBinary) this.#receive(data as Buffer)
          else this.#handle(parse((data as Buffer).toString()), resolve)
        } catch (error) {
          this.#over = true
          reject(error instanceof Error ? error : new Error(messageOf(error)))
          if (this.#process) socket.close(1008)
        }
      })
    })
    this.start.catch(() => undefined)
  }

  /** Ties standard input and the size of the terminal to the process. */
  attach(process: OneOff): void {
    this.#process = process
    process.stdin.on('error', () => undefined) // it may end without reading to the end, as `head` does
    for (const data of this.#early.splice(0)) this.#feed(process, data)
    if (this.#eof) process.stdin.end()
    void this.#resize()
  }

  /** What still comes is nobody's. */
  close(): void {
    this.#over = true
    this.#early.length = 0
  }

  #handle(message: ClientMessage, resolve: (start: RunStart) => void): void {
    if ('start' in message) resolve(message.start)
    else if ('eof' in message) {
      this.#eof = true
      this.#process?.stdin.end()
    } else {
      const asked = this.#size !== undefined
      this.#size = message.resize
      if (!asked) void this.#resize()
    }
  }

  /** One request to the engine at a time, with the last size of those that came meanwhile. */
  async #resize(): Promise<void> {
    while (this.#process && this.#size) {
      const { columns, rows } = this.#size
      await this.#process.resize(columns, rows).catch(() => undefined) // its end tells why
      if (this.#size.columns === columns && this.#size.rows === rows) this.#size = undefined
    }
  }

  #receive(data: Buffer): void {
    this.#held += data.length
    if (this.#held > inputWindow || this.#early.length >= earlyFrames)
      throw new BerthError(
        'large',
        `more than ${inputWindow} bytes of standard input that the process has not taken`,
        'wait for `ack` before sending more; see docs/api.md',
      )
    if (this.#eof || data.length === 0) return
    if (this.#process) this.#feed(this.#process, data)
    else this.#early.push(data)
  }

  #feed({ stdin }: OneOff, data: Buffer): void {
    // called too when the process has ended: then it goes nowhere, and the caller is not kept waiting
    stdin.write(data, () => {
      this.#held -= data.length
      if (!this.#over && this.#socket.readyState === this.#socket.OPEN) tell(this.#socket, { ack: data.length })
    })
  }
}

const revoked = new BerthError('unauthenticated', 'the token was revoked, or has expired: the process was ended')

const tooLong = (ms: number): BerthError =>
  new BerthError(
    'invalid',
    `the process took longer than ${formatDuration(ms)} and was ended`,
    'BERTH_RUN_LIMIT in berth.env is how long one may take',
  )

/** Starts what somebody has asked for; it is ended when the signal aborts. */
export type OpenRun = (spec: OneOffSpec, signal: AbortSignal) => Promise<OneOff>

/** What a WebSocket starts, and for whom. */
export interface RunTarget {
  readonly open: OpenRun
  readonly caller: Caller
  /** Whether it has a command of its own where none is given. */
  readonly wordless?: boolean
}

/** Ties a WebSocket to a one-off process, from its `start` to its `exit`. A caller that leaves ends the process. */
export async function serveRun(
  platform: ControlApiDeps,
  { open, caller, wordless = false }: RunTarget,
  socket: WebSocket,
): Promise<void> {
  const left = new AbortController()
  platform.closing.addEventListener('abort', () => socket.close(1001), { once: true, signal: left.signal })
  socket.once('close', () => left.abort())
  socket.on('error', () => undefined) // 'close' follows
  const gone = once(left.signal, 'abort').then(() => null)
  const incoming = new Incoming(socket)
  const end = (fault: BerthError): void => {
    if (!left.signal.aborted) tell(socket, { error: bodyOfFault(fault) })
    left.abort()
  }
  const serve = async (): Promise<void> => {
    const spec = await Promise.race([incoming.start, gone])
    if (spec === null) return
    if (spec.command.length === 0 && !wordless) throw noMessage()
    const { run } = platform.config.limits
    using late = deadline(run, left.signal)
    late.signal.addEventListener('abort', () => end(tooLong(run)), { once: true })
    const process = await open(spec, left.signal)
    tell(socket, { started: { process: process.process } })
    incoming.attach(process)
    const ended = Promise.all([process.exit, pump(socket, process.output)])
    ended.catch(() => undefined)
    const exit = await Promise.race([ended, gone])
    if (exit !== null) tell(socket, { exit: { code: exit[0] } })
  }
  try {
    if (caller.token === null) await serve()
    else await platform.grants.during(caller.token, () => end(revoked), serve)
  } catch (error) {
    tell(socket, { error: bodyOfFault(toFault(error, platform.store.redis)) })
  } finally {
    incoming.close()
    socket.close(1000)
  }
}
