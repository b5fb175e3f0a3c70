import { EngineError } from '../errors.js'
import type { Digest, Endpoint, Usage } from '../records.js'
import type { Container } from './container.js'
import { linksTo } from './links.js'

/** The containers there are, how one is found, and who among them uses what. */
export class ContainerCatalog implements Usage {
  readonly #all = new Map<string, Container>()
  readonly #coming = new Map<string, Container>()

  /** One that is being made: its name is taken and what it uses is in use, but nobody finds it before it is added. */
  reserve(container: Container): void {
    this.#coming.set(container.id, container)
  }

  add(container: Container): void {
    this.#coming.delete(container.id)
    this.#all.set(container.id, container)
  }

  delete(id: string): void {
    this.#coming.delete(id)
    this.#all.delete(id)
  }

  has(id: string): boolean {
    return this.#all.has(id)
  }

  /** The newest first. */
  all(): readonly Container[] {
    const created = ({ record }: Container): string => record.created
    return [...this.#all.values()].sort((a, b) => (created(a) < created(b) ? 1 : created(a) > created(b) ? -1 : 0))
  }

  /** By id, name or unique id prefix. @throws EngineError `missing` "No such container: x", `invalid` for a prefix of several */
  find(reference: string): Container {
    const bare = reference.replace(/^\//, '')
    const byId = this.#all.get(bare)
    if (byId) return byId
    const all = [...this.#all.values()]
    const byName = all.find(({ record }) => record.name === bare)
    if (byName) return byName
    const matches = bare === '' ? [] : all.filter(({ id }) => id.startsWith(bare))
    if (matches.length > 1) throw new EngineError('invalid', `Multiple IDs found with provided prefix: ${bare}`)
    const [only = this.#linked(bare)] = matches
    if (!only) throw new EngineError('missing', `No such container: ${reference}`)
    return only
  }

  /** `web/db`: what a container calls another that it has a `--link` to. */
  #linked(path: string): Container | undefined {
    return path.includes('/') ? this.all().find((container) => this.namesOf(container).includes(`/${path}`)) : undefined
  }

  /** Who has a name, be it one that is being made. */
  named(name: string): Container | undefined {
    return this.#everyone().find(({ record }) => record.name === name)
  }

  /** Its name, then what containers that have a `--link` to it call it: `/db`, `/web/db`. */
  namesOf({ id, record: { name } }: Container): readonly string[] {
    const linked = [...this.#all.values()].flatMap((other) => linksTo(other, [id, name]))
    return [`/${name}`, ...linked]
  }

  ofImage(image: Digest): readonly string[] {
    return this.#everyone()
      .filter(({ record }) => record.image === image)
      .map(({ id }) => id)
  }

  isRunning(id: string): boolean {
    const status = this.#all.get(id)?.record.state.status
    return status === 'running' || status === 'paused'
  }

  ofNetwork(networkId: string): readonly { id: string; name: string; endpoint: Endpoint }[] {
    return this.#everyone().flatMap(({ id, record: { name, endpoints } }) =>
      endpoints.filter((endpoint) => endpoint.networkId === networkId).map((endpoint) => ({ id, name, endpoint })),
    )
  }

  ofVolume(name: string): readonly string[] {
    const has = ({ record: { mounts, state } }: Container): boolean =>
      state.status !== 'removing' && mounts.some((mount) => mount.name === name)
    return this.#everyone()
      .filter(has)
      .map(({ id }) => id)
  }

  #everyone(): readonly Container[] {
    return [...this.#all.values(), ...this.#coming.values()]
  }
}
