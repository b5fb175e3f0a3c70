import type { ContainerLog } from '../containers/container-log.js'
import { detachKeys } from '../containers/detach-keys.js'
import type { Containers } from '../containers/containers.js'
import { encoding } from '../containers/follower.js'
import { contentTypeOf, frame, writeDrained } from './frames.js'
import { hangUp } from './hang-up.js'
import { passInput } from './input.js'
import { flag } from './query.js'
import type { ApiReply, ApiRequest } from './route.js'

/** `POST /containers/{id}/attach`: before a start it catches the output from the first byte. */
export async function serveAttach(containers: Containers, request: ApiRequest, reply: ApiReply): Promise<void> {
  const { query, version } = request
  const id = containers.resolve(request.params.id ?? '')
  const keys = detachKeys(query.get('detachKeys') ?? '')
  const stream = flag(query, 'stream')
  const log = containers.log(id)
  const { tty, openStdin, attachment: line } = containers.attach(id, stream, request.signal)
  const client = await reply.hijack(contentTypeOf(tty, version))
  if (flag(query, 'logs')) await replay(log, client, query)
  if (!stream) {
    hangUp(client)
    return
  }
  const attachment = await line
  if (!attachment || client.destroyed) {
    attachment?.close()
    hangUp(client)
    return
  }
  const shown = { stdout: flag(query, 'stdout'), stderr: flag(query, 'stderr') }
  const left = (): void => attachment.close()
  client.once('close', left)
  if (flag(query, 'stdin') && openStdin) {
    passInput(client, {
      write: (chunk) => attachment.write(chunk),
      end: () => attachment.end(),
      detach: () => {
        hangUp(client)
        attachment.close()
      },
      ...(tty ? { keys } : {}),
    })
  } else client.resume()
  await attachment.read((stream, chunk) =>
    shown[stream] || tty ? writeDrained(client, frame(stream, chunk, tty)) : undefined,
  )
  client.off('close', left)
  attachment.close()
  hangUp(client)
}

async function replay(log: ContainerLog, client: NodeJS.WritableStream, query: URLSearchParams): Promise<void> {
  const wanted = { stdout: flag(query, 'stdout'), stderr: flag(query, 'stderr'), tail: Infinity, follow: false }
  for await (const { stream, text } of log.read(wanted, AbortSignal.abort()))
    client.write(frame(stream, Buffer.from(text, encoding), log.tty))
}
