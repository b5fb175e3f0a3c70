import type { EngineConfig, RegistrySettings } from '../config.js'
import { EngineError } from '../errors.js'
import { baseImage, bootstrapBase } from '../images/bootstrap.js'
import { readDocument, type StoredImage } from '../oci/document.js'
import { familiar, familiarName, parseReference, type Reference } from '../oci/reference.js'
import type { ImageStore } from '../images/store.js'
import type { Outlet } from '../system/dial.js'
import type { RegistryCredentials } from './credentials.js'
import { checkRegistrySettings, domainOfAddress, endpointsOf } from './endpoints.js'
import { pullFault, RegistryError } from './faults.js'
import { KeyedMutex } from '../mutex.js'
import { KeyedSemaphore } from '../system/semaphore.js'
import { type Platform, readManifest, readPlatform } from '../oci/manifest.js'
import type { Tell } from '../oci/progress.js'
import { pullOne } from './pull.js'
import { pushOne } from './push.js'
import { Repository } from './repository.js'
import { type SearchResult, forIndex, narrowed, type Search, searchIndex, searchRegistry } from './search.js'
import { sanitize } from '../system/sanitize.js'
import { RegistrySession } from './session.js'
import { defaultSettings, hub } from './settings.js'
import { forgo } from './transport.js'

/** How one request wants it. */
export interface Transfer {
  readonly credentials?: RegistryCredentials | undefined
  readonly tell: Tell
  readonly signal: AbortSignal
  /** Where the registry is asked from; absent: from the host, as mirrors always are. */
  readonly outlet?: Outlet | undefined
}

/** Blobs on their way at a time, over all pulls and pushes of a registry: dockerd has it over all registries. */
const atOnce = { down: 3, up: 5 }

/** The engine's dealings with registries. */
export class Registry {
  readonly settings: RegistrySettings
  readonly #store: ImageStore
  readonly #cache: string
  readonly #down = new KeyedSemaphore(atOnce.down)
  readonly #up = new KeyedSemaphore(atOnce.up)
  readonly #mutex = new KeyedMutex()

  /** @throws EngineError `invalid` when a setting makes no sense */
  constructor(config: EngineConfig, store: ImageStore) {
    this.settings = config.registry ?? defaultSettings
    checkRegistrySettings(this.settings)
    this.#store = store
    this.#cache = config.cache
  }

  /**
   * Pulls an image, or every tag of a repository when the reference has neither tag nor digest. The base image is made on
   * the spot when no mirror has it.
   * @param platform `os/arch[/variant]`, '' is this machine's
   * @throws EngineError in dockerd's words
   */
  async pull(reference: Reference, platform: string, transfer: Transfer): Promise<StoredImage> {
    const wanted = readPlatform(platform)
    const made = familiar(reference) === baseImage.name && platform === ''
    return this.#asking(reference, transfer, made ? () => this.#base(reference, transfer) : undefined, (session) =>
      this.#pull(session, reference, { wanted, asked: platform !== '' }, transfer),
    )
  }

  async #pull(
    session: RegistrySession,
    reference: Reference,
    { wanted, asked }: { wanted: Platform; asked: boolean },
    { tell, signal }: Transfer,
  ): Promise<StoredImage> {
    const repository = new Repository(session, reference.path, 'pull')
    const parts = {
      store: this.#store,
      repository,
      semaphore: this.#down.of(reference.domain),
      mutex: this.#mutex,
      tell,
      signal,
    }
    const every = reference.tag === undefined && reference.digest === undefined
    const tags = every ? await repository.tags() : [reference.tag]
    let last: StoredImage | undefined
    let fresh = false
    for (const tag of tags) {
      const { image, updated } = await pullOne(parts, { ...reference, tag }, wanted, asked)
      this.#store.tell('pull', image.id, familiar({ ...reference, tag }))
      last = image
      fresh ||= updated
    }
    if (!last) throw new EngineError('missing', `no tags found in ${familiarName(reference)}`)
    const what = fresh ? 'Downloaded newer image' : 'Image is up to date'
    await tell({ status: `Status: ${what} for ${familiar(reference)}` })
    return last
  }

  /** Pushes a tag, or all tags of a repository when there is none. @throws EngineError in dockerd's words */
  async push(reference: Reference, { credentials, tell, signal }: Transfer): Promise<void> {
    const repository = familiarName(reference)
    await tell({ status: `The push refers to repository [${reference.domain}/${reference.path}]` })
    const names = this.#store.tags.names().filter((name) => familiarName(parseReference(name)) === repository)
    const tags = names.map((name) => parseReference(name).tag ?? 'latest')
    const chosen = reference.tag === undefined ? tags : tags.filter((tag) => tag === reference.tag)
    if (chosen.length === 0)
      throw new EngineError(
        'missing',
        tags.length > 0 && reference.tag !== undefined
          ? `tag does not exist: ${familiar(reference)}`
          : `An image does not exist locally with the tag: ${repository}`,
      )
    using session = await this.#open(reference.domain, credentials, signal)
    const remote = new Repository(session, reference.path, 'pull,push')
    const parts = {
      store: this.#store,
      repository: remote,
      semaphore: this.#up.of(reference.domain),
      mutex: this.#mutex,
      tell,
    }
    for (const tag of chosen) {
      const { image } = this.#store.find(`${repository}:${tag}`)
      await pushOne(parts, reference, tag, image)
      this.#store.tell('push', image.id, `${repository}:${tag}`)
    }
  }

  /**
   * Tries a login.
   * @returns a refresh token to keep in place of the password, '' when the registry gives none
   * @throws RegistryError with status 401 when the registry refuses it
   */
  async login(address: string, credentials: RegistryCredentials | undefined, signal: AbortSignal): Promise<string> {
    using session = await this.#open(domainOfAddress(address), credentials, signal)
    session.offline = true
    const url = session.url('/v2/')
    const answer = await session.ask('', { method: 'GET', url }).catch((error: unknown) => {
      if (!(error instanceof RegistryError) || error.status === 0) throw error
      throw new RegistryError(error.code, error.status, `Get "${url.href}": ${error.message}`, error)
    })
    forgo(answer)
    const { statusCode = 0, statusMessage = '' } = answer
    if (statusCode === 200) return session.refreshToken
    const why = `login attempt to ${url.href} failed with status: ${statusCode} ${sanitize(statusMessage, 100)}`
    throw new RegistryError('', statusCode, why)
  }

  /** What `GET /distribution/{name}/json` answers: the image's descriptor and platforms. */
  async inspect(reference: Reference, { credentials, signal }: Omit<Transfer, 'tell'>): Promise<object> {
    return this.#asking(reference, { credentials, signal }, undefined, async (session) => {
      const repository = new Repository(session, reference.path, 'pull')
      const { bytes, digest, mediaType } = await repository.manifest(reference.digest ?? reference.tag ?? 'latest')
      const manifest = readManifest(bytes)
      const Platforms: object[] = []
      if (manifest.kind === 'index') Platforms.push(...manifest.manifests.map(({ platform }) => described(platform)))
      else {
        const document = readDocument(await repository.blob(manifest.config))
        const { variant } = document as { variant?: unknown }
        Platforms.push(described({ ...document, variant: typeof variant === 'string' ? variant : '' }))
      }
      return { Descriptor: { mediaType, digest, size: bytes.length }, Platforms }
    })
  }

  /** Finds repositories by name: on Docker Hub, which no mirror answers for, or on the registry that is named. */
  async search(search: Search, { credentials, signal }: Omit<Transfer, 'tell'>): Promise<SearchResult[]> {
    const endpoint = { base: hub.registry, unverified: false, mirror: false }
    using session = await (search.domain === ''
      ? RegistrySession.unasked(endpoint, this.settings, forIndex(credentials), signal)
      : this.#open(search.domain, credentials, signal))
    return narrowed(await (search.domain === '' ? searchIndex : searchRegistry)(session, search), search)
  }

  /**
   * Asks for something that is only read: each mirror, which is passed over when it has not what is asked for, then the
   * registry itself, or what `instead` makes.
   */
  async #asking<T>(
    reference: Reference,
    { credentials, signal, outlet }: Omit<Transfer, 'tell'>,
    instead: (() => Promise<T>) | undefined,
    work: (session: RegistrySession) => Promise<T>,
  ): Promise<T> {
    const endpoints = await endpointsOf(reference.domain, this.settings)
    for (const mirror of endpoints.filter((one) => one.mirror))
      try {
        using session = await RegistrySession.open([mirror], this.settings, undefined, signal)
        return await work(session)
      } catch (error) {
        if (signal.aborted || !(error instanceof EngineError) || error.fault === 'full') throw error
      }
    if (instead) return instead()
    try {
      using session = await this.#open(reference.domain, credentials, signal, outlet)
      return await work(session)
    } catch (error) {
      throw pullFault(error, reference)
    }
  }

  async #base(reference: Reference, { tell, signal }: Transfer): Promise<StoredImage> {
    const before = this.#store.tags.get(reference)
    await tell({ status: `Pulling from ${reference.path}`, id: reference.tag ?? '' })
    const image =
      before === undefined
        ? await bootstrapBase(this.#store, this.#cache, (status) => tell({ status }), signal)
        : await this.#store.get(before)
    this.#store.tell('pull', image.id, familiar(reference))
    const what = before === undefined ? 'Downloaded newer image' : 'Image is up to date'
    await tell({ status: `Status: ${what} for ${familiar(reference)}` })
    return image
  }

  /** Opens a session with the registry itself: mirrors are read from, never written to. */
  async #open(
    domain: string,
    credentials: RegistryCredentials | undefined,
    signal: AbortSignal,
    outlet?: Outlet,
  ): Promise<RegistrySession> {
    const endpoints = (await endpointsOf(domain, this.settings)).filter(({ mirror }) => !mirror)
    return RegistrySession.open(endpoints, { ...this.settings, ...(outlet && { outlet }) }, credentials, signal)
  }
}

const described = (platform: Platform | undefined): object => ({
  architecture: platform?.architecture ?? '',
  os: platform?.os ?? '',
  ...(platform?.variant ? { variant: platform.variant } : {}),
})
