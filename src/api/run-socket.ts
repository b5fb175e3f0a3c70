import { once } from 'node:events'
import type { WebSocket } from 'ws'
import { z } from 'zod'
import { BerthError, messageOf } from '../errors.js'
import { bodyOfFault, toFault } from './faults.js'
import type { OneOff, Platform } from './platform.js'
import { channel, type FromServer } from './run-messages.js'

const Terminal = { rows: z.int().min(1).max(9999), columns: z.int().min(1).max(9999) }

const Message = z.union([
  z.strictObject({
    start: z.strictObject({
      command: z.array(z.string().refine((word) => !word.includes('\0'), 'a word of a command holds no NUL')).min(1),
      tty: z.boolean().default(false),
      rows: Terminal.rows.default(24),
      columns: Terminal.columns.default(80),
    }),
  }),
  z.strictObject({ resize: z.strictObject(Terminal) }),
  z.strictObject({ eof: z.literal(true) }),
])
type Message = z.output<typeof Message>
type Start = Extract<Message, { start: unknown }>['start']

function parse(text: string): Message {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new BerthError('invalid', 'a text frame is not JSON', 'see docs/api.md for what the messages are')
  }
  const parsed = Message.safeParse(json)
  if (!parsed.success)
    throw new BerthError(
      'invalid',
      'a text frame is not a message of `run`',
      'see docs/api.md for what the messages are',
    )
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

/** A caller's messages, taken apart: the first is `start`, and what comes before the process runs is kept for it. */
class Incoming {
  readonly start: Promise<Start>
  readonly #socket: WebSocket
  readonly #early: (Buffer | 'eof')[] = []
  #process: OneOff | undefined

  constructor(socket: WebSocket) {
    this.#socket = socket
    this.start = new Promise((resolve, reject) => {
      socket.on('message', (data, isBinary) => {
        try {
          if (isBinary) this.#feed(data as Buffer)
          else this.#obey(parse((data as Buffer).toString()), resolve)
        } catch (error) {
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
    for (const data of this.#early.splice(0)) this.#feed(data)
  }

  #obey(message: Message, resolve: (start: Start) => void): void {
    if ('start' in message) resolve(message.start)
    else if ('eof' in message) this.#feed('eof')
    else this.#process?.resize(message.resize.columns, message.resize.rows).catch(() => undefined)
  }

  #feed(data: Buffer | 'eof'): void {
    const stdin = this.#process?.stdin
    if (stdin === undefined) this.#early.push(data)
    else if (data === 'eof') stdin.end()
    else if (!stdin.write(data)) {
      this.#socket.pause()
      const resume = (): void => {
        stdin.off('drain', resume).off('close', resume)
        this.#socket.resume()
      }
      stdin.once('drain', resume).once('close', resume)
    }
  }
}

/** Ties a WebSocket to a one-off process, from its `start` to its `exit`. A caller that leaves ends the process. */
export async function serveRun(platform: Platform, name: string, socket: WebSocket): Promise<void> {
  const left = new AbortController()
  platform.closing.addEventListener('abort', () => socket.close(1001), { once: true, signal: left.signal })
  socket.once('close', () => left.abort())
  socket.on('error', () => undefined) // 'close' follows
  const gone = once(left.signal, 'abort').then(() => null)
  const incoming = new Incoming(socket)
  try {
    const spec = await Promise.race([incoming.start, gone])
    if (spec === null) return
    const process = await platform.run(await platform.store.apps.get(name), spec, left.signal)
    tell(socket, { started: { process: process.process } })
    incoming.attach(process)
    const ended = Promise.all([process.exit, pump(socket, process.output)])
    ended.catch(() => undefined)
    const exit = await Promise.race([ended, gone])
    if (exit !== null) tell(socket, { exit: { code: exit[0] } })
  } catch (error) {
    tell(socket, { error: bodyOfFault(toFault(error, platform.store.redis)) })
  } finally {
    socket.resume() // it may be waiting for a process that read no more; the farewell of the caller must come through
    socket.close(1000)
  }
}
