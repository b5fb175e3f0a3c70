import type { Readable, Writable } from 'node:stream'
import { WebSocket } from 'ws'
import { BerthError } from '../../errors.js'
import { channel, inputWindow, type FromCaller, type FromServer } from '../run-messages.js'
import { connectOptions, faultOf, readAll, toError, unreachable } from './http.js'
import type { Access } from './access.js'
import { trusting, type Trust } from './trust.js'

/** What to run, where, and the streams it is tied to. */
export interface RunOptions {
  /** `apps/blog/run`, `services/blog-db/enter`. */
  readonly path: string
  readonly command: readonly string[]
  readonly tty: boolean
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  /** Of the terminal; now, and again whenever `onResize` calls. */
  size(): { rows: number; columns: number }
  onResize(listener: () => void): void
  onStart(process: string): void
  readonly signal: AbortSignal
}

const say = (socket: WebSocket, message: FromCaller): void => {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
}

/** What a text frame of the server says; null when it is none of its messages. */
function messageIn(text: string): FromServer | null {
  try {
    const said = JSON.parse(text) as {
      readonly [K in 'started' | 'ack' | 'exit' | 'error']?: Readonly<Record<string, unknown>>
    }
    const known =
      typeof said.started?.process === 'string' || typeof said.ack === 'number' || typeof said.exit?.code === 'number'
    if (!known) toError(said.error)
    return said as unknown as FromServer
  } catch {
    return null
  }
}

const strange = (url: string): BerthError =>
  new BerthError(
    'broken',
    `${url} says what this \`berth\` does not understand`,
    'is it of another version, or no Berth?',
  )

function connect(access: Access, path: string, trust: Trust): WebSocket {
  const url = new URL(access.url)
  const { host, port, headers, servername } = connectOptions(url)
  return new WebSocket(`${url.protocol === 'https:' ? 'wss' : 'ws'}://${host}:${port}/api/${path}`, {
    headers: { ...headers, authorization: `Bearer ${access.token}` },
    ...{ ...trust, ...(servername === undefined ? {} : { servername }) },
    perMessageDeflate: false,
    handshakeTimeout: 30_000,
  })
}

/** Resolves when the server has taken the connection. @throws BerthError what it said, or why there is no connection */
const whenOpen = (socket: WebSocket, { url }: Access): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
    socket.once('unexpected-response', (_request, response) => {
      void readAll(response)
        .catch(() => '')
        .then((text) => reject(faultOf(url, response.statusCode ?? 0, text)))
    })
  })

/** How much of standard input may be sent before the server acknowledges some. */
class Window {
  #left = inputWindow
  #waiting: (() => void) | undefined

  /** Waits until something may be sent. @returns how many bytes, at least one and at most `wanted` */
  async take(wanted: number): Promise<number> {
    while (this.#left === 0) await new Promise<void>((resolve) => (this.#waiting = resolve))
    const taken = Math.min(wanted, this.#left)
    this.#left -= taken
    return taken
  }

  give(bytes: number): void {
    this.#left += bytes
    this.#waiting?.()
  }
}

/** Sends standard input as it comes, and its end. */
async function feed(socket: WebSocket, stdin: Readable, window: Window): Promise<void> {
  for await (const chunk of stdin as AsyncIterable<Buffer | string>) {
    const bytes = Buffer.from(chunk)
    for (let at = 0; at < bytes.length;) {
      const end = at + (await window.take(bytes.length - at))
      if (socket.readyState !== WebSocket.OPEN) return
      socket.send(bytes.subarray(at, end), { binary: true })
      at = end
    }
  }
  say(socket, { eof: true })
}

/** Writes output to where it belongs; the connection waits while that is slow. */
function passOn(socket: WebSocket, bytes: Buffer, { stdout, stderr }: Pick<RunOptions, 'stdout' | 'stderr'>): void {
  const target = bytes[0] === channel.stderr ? stderr : stdout
  if (target.write(bytes.subarray(1))) return
  socket.pause()
  target.once('drain', () => socket.resume())
}

/**
 * Runs a one-off process and resolves with its exit code. Standard input is destroyed then, whether it was read or not.
 * @throws BerthError what the server said; `unavailable` when the connection was lost, and the process ended with it
 */
export async function run(access: Access, options: RunOptions): Promise<number> {
  const window = new Window()
  let verdict: { code: number } | BerthError | undefined

  const hear = (socket: WebSocket, data: unknown, isBinary: boolean): void => {
    const bytes = data as Buffer
    if (isBinary) {
      passOn(socket, bytes, options)
      return
    }
    const message = messageIn(bytes.toString())
    if (message && 'started' in message) options.onStart(message.started.process)
    else if (message && 'ack' in message) window.give(message.ack)
    else {
      verdict = message === null ? strange(access.url) : 'exit' in message ? message.exit : toError(message.error)
      socket.terminate() // it is the last message; a farewell would wait behind input that nobody reads
    }
  }
  const open = async (trust: Trust): Promise<{ socket: WebSocket; closed: Promise<unknown> }> => {
    const socket = connect(access, options.path, trust)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    // its first words may come with the answer to the handshake
    socket.on('message', (data, isBinary) => hear(socket, data, isBinary))
    await whenOpen(socket, access)
    return { socket, closed }
  }
  const { socket, closed } = await trusting(access, open).catch((cause: unknown) => {
    throw unreachable(access.url, cause)
  })
  socket.on('error', () => undefined) // 'close' follows
  options.signal.addEventListener('abort', () => socket.terminate(), { once: true })
  options.onResize(() => say(socket, { resize: options.size() }))

  say(socket, { start: { command: [...options.command], tty: options.tty, ...options.size() } })
  // an input that cannot be read (a directory) is one that has ended; one destroyed below is nobody's
  void feed(socket, options.stdin, window).catch(() => say(socket, { eof: true }))

  await closed
  options.stdin.destroy()
  if (verdict instanceof BerthError) throw verdict
  if (verdict === undefined)
    throw new BerthError('unavailable', 'the connection to Berth was lost, and the process with it', 'run it again')
  return verdict.code
}
