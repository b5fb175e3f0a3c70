import type { Duplex } from 'node:stream'
import type { ContainerLog } from '../containers/container-log.js'
import { detachKeys } from '../containers/detach-keys.js'
import type { Containers } from '../containers/containers.js'
import { encoding } from '../containers/follower.js'
import { contentTypeOf, frame, writeDrained } from './frames.js'
import { hangUp } from './hang-up.js'
import { passInput, type InputSink } from './input.js'
import type { Attachment } from '../runtime/attach.js'
import { flag } from './query.js'
import type { ApiReply, ApiRequest } from './route.js'

/** How a client is attached. */
interface Line {
  /** Which streams the client has, and gives. */
  readonly shown: Readonly<Record<'stdout' | 'stderr', boolean>>
  readonly stdin: boolean
  /** Its streams come as they are, without a word of which is which. */
  readonly mixed: boolean
  open(tty: boolean): Promise<Duplex>
}

/** `POST /containers/{id}/attach`: before a start it catches the output from the first byte. */
export async function serveAttach(containers: Containers, request: ApiRequest, reply: ApiReply): Promise<void> {
  const { query, version } = request
  await follow(containers, request, {
    shown: { stdout: flag(query, 'stdout'), stderr: flag(query, 'stderr') },
    stdin: flag(query, 'stdin'),
    mixed: false,
    open: (tty) => reply.hijack(contentTypeOf(tty, version)),
  })
}

/** `GET /containers/{id}/attach/ws` */
export async function serveAttachByWebSocket(
  containers: Containers,
  request: ApiRequest,
  reply: ApiReply,
): Promise<void> {
  const { query, version } = request
  // before 1.42 a client has all streams and names none
  const wants = (stream: string): boolean => version < 142 || flag(query, stream)
  await follow(containers, request, {
    shown: { stdout: wants('stdout'), stderr: wants('stderr') },
    stdin: wants('stdin'),
    mixed: true,
    open: () => reply.webSocket(),
  })
}

async function follow(containers: Containers, request: ApiRequest, line: Line): Promise<void> {
  const { query } = request
  const id = containers.resolve(request.params.id ?? '')
  const keys = detachKeys(query.get('detachKeys') ?? '')
  const log = containers.log(id)
  const [stream, logs] = [flag(query, 'stream'), flag(query, 'logs')]
  const { tty, openStdin, attachment: coming } = containers.attach(id, stream, request.signal)
  const client = await line.open(tty).catch(async (error: unknown) => {
    ;(await coming)?.close()
    throw error
  })
  const close = (): void => hangUp(client)
  const raw = tty || line.mixed
  if (logs && !stream) await log.whenBegun(request.signal)
  if (logs) await replay(log, client, { ...line, raw })
  const attachment = await coming
  if (!attachment || client.destroyed) {
    attachment?.close()
    close()
    return
  }
  const left = (): void => attachment.close()
  client.once('close', left)
  if (line.stdin && openStdin) passInput(client, { ...inputOf(attachment, close), ...(tty ? { keys } : {}) })
  else client.resume()
  await attachment.read((stream, chunk) =>
    line.shown[stream] || tty ? writeDrained(client, frame(stream, chunk, raw)) : undefined,
  )
  client.off('close', left)
  attachment.close()
  close()
}

const inputOf = (attachment: Attachment, close: () => void): InputSink => ({
  write: (chunk) => attachment.write(chunk),
  end: () => attachment.end(),
  detach: () => {
    close()
    attachment.close()
  },
})

async function replay(
  log: ContainerLog,
  client: Duplex,
  { shown, raw }: Pick<Line, 'shown'> & { readonly raw: boolean },
): Promise<void> {
  for await (const { stream, text } of log.read({ ...shown, tail: Infinity, follow: false }, AbortSignal.abort()))
    client.write(frame(stream, Buffer.from(text, encoding), raw))
}
