import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { WebSocket } from 'ws'
import { BerthError } from '../../errors.js'
import { channel, type FromCaller, type FromServer } from '../run-messages.js'
import { connectOptions, faultOf, readAll, toError, unreachable, type Access } from './http.js'

/** What to run, where, and the streams it is tied to. */
export interface RunOptions {
  readonly app: string
  readonly command: readonly string[]
  readonly tty: boolean
  readonly stdin: NodeJS.ReadableStream
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

async function open(access: Access, app: string): Promise<WebSocket> {
  const url = new URL(access.url)
  const { host, port, headers } = connectOptions(url)
  const socket = new WebSocket(
    `${url.protocol === 'https:' ? 'wss' : 'ws'}://${host}:${port}/api/apps/${encodeURIComponent(app)}/run`,
    {
      headers: { ...headers, authorization: `Bearer ${access.token}` },
      perMessageDeflate: false,
      handshakeTimeout: 30_000,
    },
  )
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', (cause) => reject(unreachable(access.url, cause)))
    socket.once('unexpected-response', (_request, response) => {
      void readAll(response)
        .catch(() => '')
        .then((text) => reject(faultOf(access.url, response.statusCode ?? 0, text)))
    })
  })
  return socket
}

/**
 * Runs a one-off process and resolves with its exit code.
 * @throws BerthError what the server said; `unavailable` when the connection was lost, and the process ended with it
 */
export async function run(access: Access, options: RunOptions): Promise<number> {
  const socket = await open(access, options.app)
  socket.on('error', () => undefined) // 'close' follows
  const closed = once(socket, 'close')
  let verdict: { code: number } | BerthError | undefined

  socket.on('message', (data, isBinary) => {
    const bytes = data as Buffer
    if (isBinary) {
      const target = bytes[0] === channel.stderr ? options.stderr : options.stdout
      if (!target.write(bytes.subarray(1))) {
        socket.pause()
        target.once('drain', () => socket.resume())
      }
      return
    }
    const message = JSON.parse(bytes.toString()) as FromServer
    if ('started' in message) options.onStart(message.started.process)
    else if ('exit' in message) verdict = message.exit
    else verdict = toError(message.error)
  })
  options.signal.addEventListener('abort', () => socket.terminate(), { once: true })
  options.onResize(() => say(socket, { resize: options.size() }))

  say(socket, { start: { command: [...options.command], tty: options.tty, ...options.size() } })
  const onData = (chunk: Buffer): void => {
    if (socket.readyState !== WebSocket.OPEN) return
    options.stdin.pause()
    socket.send(chunk, { binary: true }, () => options.stdin.resume())
  }
  options.stdin.on('data', onData)
  options.stdin.once('end', () => say(socket, { eof: true }))

  await closed
  options.stdin.off('data', onData)
  options.stdin.pause()
  if (verdict instanceof BerthError) throw verdict
  if (verdict === undefined)
    throw new BerthError('unavailable', 'the connection to Berth was lost, and the process with it', 'run it again')
  return verdict.code
}
