import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { EngineError } from '../errors.js'
import type { Digest } from '../records.js'
import { connectionFault, isPassing, RegistryError } from './faults.js'
import { isTag } from '../oci/reference.js'
import { acceptedManifests, type Descriptor, digestOf, mostBytes } from '../oci/manifest.js'
import { quoted, sanitize } from '../system/sanitize.js'
import { retrying, type RegistrySession } from './session.js'
import { registryUrl, wholeBody, expecting, forgo } from './transport.js'

/** A manifest's bytes and what names them. */
export interface FetchedManifest {
  readonly bytes: Buffer
  readonly digest: Digest
  readonly mediaType: string
}

/** Blobs up to this size go in one request, larger ones in chunks of it. */
const chunkBytes = 16 * 1024 * 1024

const mostIdleTries = 5

const mostTagPages = 1000

const mostTags = 100_000

/** One repository of a registry: distribution-spec v1.1. Every byte that comes is checked against what named it. */
export class Repository {
  readonly #session: RegistrySession
  readonly #path: string
  readonly #scope: string

  /** @param path as parseReference has it; `actions` is `pull` or `pull,push` */
  constructor(session: RegistrySession, path: string, actions: 'pull' | 'pull,push') {
    this.#session = session
    this.#path = path
    this.#scope = `repository:${path}:${actions}`
  }

  /** @param reference a tag or a digest @throws RegistryError, EngineError when the bytes are not those named */
  async manifest(reference: string): Promise<FetchedManifest> {
    const answer = await this.#get(`manifests/${reference}`, { accept: acceptedManifests })
    const bytes = await wholeBody(answer, mostBytes, 'the manifest')
    const digest = digestOf(bytes)
    const told = reference.startsWith('sha256:') ? reference : answer.headers['docker-content-digest']
    if (typeof told === 'string' && told.startsWith('sha256:') && told !== digest)
      throw new EngineError('invalid', `manifest verification failed for digest ${sanitize(told, 100)}`)
    return { bytes, digest, mediaType: (answer.headers['content-type'] ?? '').replace(/;.*/, '') }
  }

  /** A small blob. */
  async blob({ digest, size }: Descriptor): Promise<Buffer> {
    if (size > mostBytes) throw new EngineError('invalid', `blob ${digest} is larger than ${mostBytes} bytes`)
    const bytes = await wholeBody(await this.#get(`blobs/${digest}`), size, `blob ${digest}`)
    if (digestOf(bytes) !== digest)
      throw new EngineError('invalid', `filesystem layer verification failed for digest ${digest}`)
    return bytes
  }

  /**
   * Brings a blob into a new file, unless the signal ends it. A connection that breaks is made again and goes on where it
   * broke.
   * @throws EngineError `invalid` when the bytes are not those named
   */
  async download(
    { digest, size }: Descriptor,
    path: string,
    watch: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const file = await open(path, 'wx')
    try {
      const hash = createHash('sha256')
      let at = 0
      for (let idle = 0; at < size || idle === 0;) {
        const before = at
        try {
          for await (const chunk of this.#from(digest, at, signal)) {
            if (at + chunk.length > size)
              throw new EngineError('invalid', `blob ${digest} is larger than the ${size} bytes its manifest says`)
            hash.update(chunk)
            await file.writeFile(chunk)
            watch((at += chunk.length))
          }
          if (at < size)
            throw new RegistryError('EOF', 0, `blob ${digest}: unexpected EOF after ${at} of ${size} bytes`)
          break
        } catch (error) {
          signal.throwIfAborted()
          idle = at > before ? 1 : idle + 1
          if (!isPassing(error) || idle > mostIdleTries) throw error
          await sleep(2 ** (idle - 3) * 1000, undefined, { signal })
        }
      }
      if (`sha256:${hash.digest('hex')}` !== digest)
        throw new EngineError('invalid', `filesystem layer verification failed for digest ${digest}`)
    } finally {
      await file.close()
    }
  }

  /** Every tag, page after page. @throws EngineError `invalid` for what is none, and more than anybody has */
  async tags(): Promise<string[]> {
    const found: string[] = []
    let next: string | undefined = `/v2/${this.#path}/tags/list`
    for (let page = 0; next !== undefined && page < mostTagPages; page++) {
      const answer: IncomingMessage = await this.#get(next)
      found.push(...tagsIn(await wholeBody(answer, mostBytes, 'the list of tags')))
      if (found.length > mostTags) throw new EngineError('invalid', `too many tags: more than ${mostTags}`)
      next = /<([^>]+)>;\s*rel="?next"?/.exec(String(answer.headers.link ?? ''))?.[1]
    }
    return found
  }

  /** True when the repository holds a blob. */
  async has(digest: Digest): Promise<boolean> {
    const answer = await this.#ask('HEAD', `/v2/${this.#path}/blobs/${digest}`)
    forgo(answer)
    return answer.statusCode === 200
  }

  /** Asks for a blob of another repository; false when it must be uploaded after all: the upload begun by that expires. */
  async mount(digest: Digest, from: string): Promise<boolean> {
    const scope = `${this.#scope} repository:${from}:pull`
    const query = new URLSearchParams({ mount: digest, from })
    const answer = await this.#ask(
      'POST',
      `/v2/${this.#path}/blobs/uploads/?${query.toString()}`,
      {},
      Buffer.alloc(0),
      scope,
    )
    forgo(answer)
    return answer.statusCode === 201
  }

  /** Uploads a blob: small ones whole, larger ones in chunks, each sent again from where the registry has it. */
  async upload(blob: Descriptor, content: string | Buffer, watch: (bytes: number) => void): Promise<void> {
    const begun = await retrying(this.#session.signal, async () =>
      expecting(await this.#ask('POST', `/v2/${this.#path}/blobs/uploads/`, {}, Buffer.alloc(0)), 202),
    )
    forgo(begun)
    let location = this.#location(begun)
    let at = 0
    if (blob.size > chunkBytes)
      for (let idle = 0; at < blob.size;) {
        const end = Math.min(at + chunkBytes, blob.size)
        const headers = { 'content-type': 'application/octet-stream', 'content-range': `${at}-${end - 1}` }
        try {
          const answer = await expecting(
            await this.#ask('PATCH', location, headers, await partOf(content, at, end)),
            202,
          )
          forgo(answer)
          location = this.#location(answer)
          at = end
          idle = 0
          watch(at)
        } catch (error) {
          if (!isPassing(error) || ++idle > mostIdleTries) throw error
          await sleep(2 ** (idle - 3) * 1000, undefined, { signal: this.#session.signal })
          const state = await expecting(await this.#ask('GET', location), 204)
          forgo(state)
          location = this.#location(state)
          at = received(state)
        }
      }
    const last = new URL(location)
    last.searchParams.set('digest', blob.digest)
    const rest = at < blob.size ? await partOf(content, at, blob.size) : Buffer.alloc(0)
    const headers = { 'content-type': 'application/octet-stream' }
    const answer = await expecting(await this.#ask('PUT', last.href, headers, rest), 201, 204)
    forgo(answer)
    watch(blob.size)
  }

  /** Names an image. @returns the digest the registry has it under */
  async putManifest(tag: string, mediaType: string, bytes: Buffer): Promise<Digest> {
    const answer = await retrying(this.#session.signal, async () =>
      expecting(
        await this.#ask('PUT', `/v2/${this.#path}/manifests/${tag}`, { 'content-type': mediaType }, bytes),
        201,
        200,
        202,
      ),
    )
    forgo(answer)
    const told = answer.headers['docker-content-digest']
    if (typeof told === 'string' && told.startsWith('sha256:') && told !== digestOf(bytes))
      throw new EngineError('broken', `the registry has the manifest as ${sanitize(told, 100)}, not ${digestOf(bytes)}`)
    return digestOf(bytes)
  }

  /** A blob's bytes from `at` on; bytes that were had already are dropped when the registry sends all again. */
  async *#from(digest: Digest, at: number, signal: AbortSignal): AsyncGenerator<Buffer> {
    const range = at > 0 ? { range: `bytes=${at}-` } : {}
    const url = this.#session.url(`/v2/${this.#path}/blobs/${digest}`)
    const first = await this.#session.ask(this.#scope, { method: 'GET', url, headers: range }, signal)
    if (first.statusCode === 416 && at > 0)
      throw new EngineError('broken', `blob ${digest}: unexpected EOF: the registry has ${at} bytes of it`)
    const answer = await expecting(first, 200, 206)
    let skip = answer.statusCode === 206 ? 0 : at
    if (answer.statusCode === 206 && !String(answer.headers['content-range']).startsWith(`bytes ${at}-`))
      throw new EngineError('broken', `blob ${digest}: the registry answers with another range than asked for`)
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        const rest = chunk.subarray(Math.min(skip, chunk.length))
        skip -= chunk.length - rest.length
        if (rest.length > 0) yield rest
      }
    } catch (error) {
      if (error instanceof EngineError) throw error
      throw connectionFault('GET', url, error as Error)
    }
  }

  #get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<IncomingMessage> {
    const whole = path.startsWith('/') || path.startsWith('http') ? path : `/v2/${this.#path}/${path}`
    return retrying(this.#session.signal, async () => expecting(await this.#ask('GET', whole, headers), 200))
  }

  #ask(
    method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH',
    path: string,
    headers: Readonly<Record<string, string>> = {},
    body?: Buffer,
    scope = this.#scope,
  ): Promise<IncomingMessage> {
    return this.#session.ask(scope, { method, url: this.#session.url(path), headers, ...(body ? { body } : {}) })
  }

  #location(answer: IncomingMessage): string {
    const { location } = answer.headers
    if (location === undefined) throw new EngineError('broken', 'the registry tells no place to upload to')
    const url = registryUrl(location, this.#session.endpoint.base)
    if (url.protocol !== 'https:' && this.#session.endpoint.base.startsWith('https:'))
      throw new EngineError('broken', `the registry wants an upload to go to ${url.origin} in clear`)
    return url.href
  }
}

function tagsIn(body: Buffer): string[] {
  let value: unknown
  try {
    value = JSON.parse(body.toString())
  } catch (error) {
    throw new EngineError('broken', 'the list of tags is not JSON', error)
  }
  const { tags } = Object(value) as { tags?: unknown }
  const found = Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : []
  const wrong = found.find((tag) => !isTag(tag))
  if (wrong !== undefined) throw new EngineError('invalid', `invalid tag in the list of tags: ${quoted(wrong)}`)
  return found
}

/** How far an upload is, by its `Range: 0-<last byte>`. */
const received = (answer: IncomingMessage): number => {
  const last = /^(?:bytes=)?0-(\d+)$/.exec(answer.headers.range ?? '')?.[1]
  return last === undefined || last === '0' ? 0 : Number(last) + 1
}

/** @param content bytes, or the path of a file */
async function partOf(content: string | Buffer, start: number, end: number): Promise<Buffer> {
  if (typeof content !== 'string') return content.subarray(start, end)
  const chunks: Buffer[] = []
  for await (const chunk of createReadStream(content, { start, end: end - 1 })) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
