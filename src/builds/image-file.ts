import { randomBytes } from 'node:crypto'
import { pipeline } from 'node:stream'
import { extract } from 'tar-stream'
import type { EngineClient } from '../engine-client/client.js'
import { createLog } from '../log.js'
import { BerthError, messageOf } from '../errors.js'

const log = createLog('builds')
/** Marks what is made to read a file by: it never runs. */
const label = 'berth.reading'
/** What a worker that died has left is removed after so long, in seconds. */
const staleSeconds = 600

/**
 * The text of a file in an image; null where it has none. An engine shows files of containers alone, so one is made, and
 * taken away again.
 * @throws BerthError `invalid` when the file is longer than a limit
 */
export async function imageFile(
  engine: EngineClient,
  image: string,
  path: string,
  maxBytes = 64 * 1024,
): Promise<string | null> {
  await removeStale(engine)
  const id = await engine.containers.create({
    name: `berth-reading-${randomBytes(6).toString('hex')}`,
    Image: image,
    Entrypoint: ['/nothing'],
    Labels: { [label]: '' },
    HostConfig: { NetworkMode: 'none', Annotations: {} },
  })
  try {
    const archive = await engine.containers.get(id, path)
    return archive === null ? null : await firstFile(archive, maxBytes)
  } finally {
    await engine.containers.remove(id)
  }
}

async function removeStale(engine: EngineClient): Promise<void> {
  const before = Date.now() / 1000 - staleSeconds
  for (const { Id, Created } of await engine.containers.list([label]))
    if (Created < before)
      await engine.containers
        .remove(Id)
        .catch((error: unknown) => log.warn({ container: Id, error: messageOf(error) }, 'what read an image stays'))
}

async function firstFile(archive: NodeJS.ReadableStream, maxBytes: number): Promise<string | null> {
  // a pipe would leave the reader waiting for an archive that breaks off
  const entries = pipeline(archive, extract(), () => undefined)
  for await (const entry of entries) {
    if (entry.header.type !== 'file') return null
    if (entry.header.size > maxBytes)
      throw new BerthError('invalid', `${entry.header.name} of the image is longer than ${maxBytes} bytes`)
    const chunks: Buffer[] = []
    for await (const chunk of entry) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks).toString('utf8')
  }
  return null
}
