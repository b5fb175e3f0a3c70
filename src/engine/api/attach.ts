import type { Container } from '../containers/container.js'
import { detachKeys } from '../containers/detach-keys.js'
import { bundleOf } from '../containers/container.js'
import type { Containers } from '../containers/containers.js'
import { encoding } from '../containers/follower.js'
import { logLimits } from '../containers/log-files.js'
import { readLog } from '../containers/logs.js'
import { codeOf, EngineError } from '../errors.js'
import { Attachment } from '../runtime/attach.js'
import { contentTypeOf, frame, send } from './frames.js'
import { hangUp } from './hang-up.js'
import { passInput } from './input.js'
import { flag } from './query.js'
import type { ApiReply, ApiRequest } from './route.js'

/** `POST /containers/{id}/attach`: before a start it catches the output from the first byte. */
export async function attach(containers: Containers, request: ApiRequest, reply: ApiReply): Promise<void> {
  const container = containers.catalog.find(request.params.id ?? '')
  const { query, version } = request
  const { Tty } = container.record.config
  const keys = detachKeys(query.get('detachKeys') ?? '')
  if (container.record.state.status === 'paused')
    throw new EngineError('conflict', `container ${container.id} is paused, unpause the container before attach`)
  const stream = flag(query, 'stream')
  const line = !stream
    ? undefined
    : container.up
      ? openIfThere(containers, container)
      : beforeStart(containers, container, request.signal)
  container.emit(containers.shop.events, 'attach')
  const client = await reply.hijack(contentTypeOf(Tty, version))
  if (flag(query, 'logs')) await replay(containers, container, client, request)
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
  if (flag(query, 'stdin') && container.record.config.OpenStdin) {
    passInput(client, {
      write: (chunk) => attachment.write(chunk),
      end: () => attachment.end(),
      detach: () => {
        hangUp(client)
        attachment.close()
      },
      ...(Tty ? { keys } : {}),
    })
  } else client.resume()
  await attachment.read((stream, chunk) => (shown[stream] || Tty ? send(client, frame(stream, chunk, Tty)) : undefined))
  client.off('close', left)
  attachment.close()
  hangUp(client)
}

const open = (containers: Containers, container: Container): Attachment =>
  Attachment.open(bundleOf(containers.shop.config, container.id))

/** The same; nothing once the container has ended, of which its record may not yet tell. */
function openIfThere(containers: Containers, container: Container): Attachment | undefined {
  try {
    return open(containers, container)
  } catch (error) {
    if (['ENOENT', 'ECONNREFUSED'].includes(codeOf(error) ?? '')) return undefined
    throw error
  }
}

/** The attachment as it is between create and start, undefined when the start fails or the client leaves. */
function beforeStart(
  containers: Containers,
  container: Container,
  signal: AbortSignal,
): Promise<Attachment | undefined> {
  return new Promise((resolve) => {
    const onStart = (started: boolean): void => {
      signal.removeEventListener('abort', onLeave)
      resolve(started ? openIfThere(containers, container) : undefined)
    }
    const onLeave = (): void => {
      container.onStart.delete(onStart)
      resolve(undefined)
    }
    container.onStart.add(onStart)
    signal.addEventListener('abort', onLeave, { once: true })
  })
}

async function replay(
  containers: Containers,
  container: Container,
  client: NodeJS.WritableStream & { destroyed?: boolean },
  { query }: ApiRequest,
): Promise<void> {
  const places = containers.shop.store.places(container.id)
  const wanted = { stdout: flag(query, 'stdout'), stderr: flag(query, 'stderr'), tail: Infinity, follow: false }
  const { maxFile } = logLimits(container.record.hostConfig)
  for await (const { stream, text } of readLog(places.log, maxFile, wanted, AbortSignal.abort()))
    client.write(frame(stream, Buffer.from(text, encoding), container.record.config.Tty))
}
