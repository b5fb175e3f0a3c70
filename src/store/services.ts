import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { BerthError } from '../errors.js'
import { appName } from './apps.js'
import { without } from '../lib/without.js'
import { change } from './records.js'
import type { ReleaseLinks } from './release-links.js'

/** An app that a service lets in, as a role of its own. */
export interface Link {
  readonly id: string
  /** App id. */
  readonly app: string
  /** Config var of the app that its URL is in. */
  readonly variable: string
  /** Counts its passwords. */
  readonly revision: number
  /** With the password. */
  readonly url: string
  /** RFC 3339 */
  readonly createdAt: string
  /** Revisions that are let in no more once no process of the app has them. */
  readonly ending: readonly number[]
  /** The whole of it ends: as soon as no process of the app has it. */
  readonly ends?: true
}

/** What the recipe of a service says of it, with its plan: nobody but the worker needs the recipe's code for that. */
export interface ServiceFacts {
  /** `PostgreSQL` */
  readonly title: string
  /** `DATABASE` of `DATABASE_URL`. */
  readonly variable: string
  /** Words of the client of its administrator. */
  readonly connect: readonly string[]
  /** A command that writes bytes of its data and the clients that are connected. */
  readonly measure: { readonly words: readonly string[]; readonly input?: string }
  /** Words of the commands of its backups; null where it keeps nothing. */
  readonly backup: {
    readonly format: string
    readonly dump: readonly string[]
    readonly restore: readonly string[]
    readonly restarts: boolean
    readonly check: readonly string[]
  } | null
}

/** What a service is to be. */
export type ServiceWish = 'running' | 'stopped' | 'gone'

/** A server that apps are linked to. `id` never changes, and is in its URLs; `name` may change. */
export interface Service {
  readonly id: string
  readonly name: string
  /** Name of the plugin that it is of: `postgres`. */
  readonly kind: string
  readonly version: string
  /** RFC 3339 */
  readonly createdAt: string
  /** Bytes. */
  readonly memory: number
  readonly cpus: number
  readonly wants: ServiceWish
  /** Counts what was asked of it: what is asked again while it is being done is done again. */
  readonly turn: number
  /** Which of that is done, well or not. */
  readonly done: number
  /** Counts restarts that were asked for. */
  readonly restarts: number
  /** Which of those its container has seen. */
  readonly restarted: number
  /** Why what was asked last could not be done. */
  readonly failure: string | null
  /** What is being done, for whoever waits. */
  readonly note: string | null
  /** Image id on the engine; null until there is one. */
  readonly image: string | null
  /** Its volume has data: it starts on no empty one any more. */
  readonly hasData: boolean
  /** Each app that is linked has data of its own in it. */
  readonly shared?: true
  /** Null before its first start. */
  readonly facts: ServiceFacts | null
  readonly links: readonly Link[]
  /** The engine's volume with its data, where it is not the one that is called after it. */
  readonly volume?: string
  /** Id of the service that has what it was, before it was upgraded or a backup restored in its place. */
  readonly before?: string
  /** It is made for something that is not done yet, and goes with that. */
  readonly scratch?: true
}

/** What whoever makes one says of it. */
export type NewService = Pick<Service, 'name' | 'kind' | 'version' | 'memory' | 'cpus' | 'shared' | 'scratch'>

/** Channel that is told the id of a service whose record has changed, or is gone. */
export const serviceChanges = 'services:changed'

const unknown = (name: string): BerthError =>
  new BerthError('missing', `no service named "${name.slice(0, 80)}"`, 'run `berth services` to see them all')

const taken = (name: string): BerthError =>
  new BerthError(
    'conflict',
    `there is a service named "${name}" already`,
    'choose another name, or run `berth services` to see them all',
  )

/** @throws BerthError `invalid` */
export function checkServiceName(name: string): void {
  if (!appName.test(name))
    throw new BerthError(
      'invalid',
      `"${name.slice(0, 80)}" is not a service's name`,
      'use 1 to 63 lower-case letters, digits and dashes, beginning with a letter and not ending with a dash',
    )
}

const make = `
local id, name, json = unpack(ARGV)
if redis.call('hsetnx', 'services:names', name, id) == 0 then return 0 end
redis.call('hset', 'services', id, json)
redis.call('publish', '${serviceChanges}', id)
return 1`

/** 0: it is not what was read, -1: the name is taken. */
const replace = `
local key, before, after, old, name = unpack(ARGV)
if redis.call('hget', KEYS[1], key) ~= before then return 0 end
if old ~= name then
  if redis.call('hsetnx', 'services:names', name, key) == 0 then return -1 end
  redis.call('hdel', 'services:names', old)
end
redis.call('hset', KEYS[1], key, after)
redis.call('publish', '${serviceChanges}', key)
return 1`

/** Each has the volume that the other had; nothing is asked of what is not what was read. */
const swap = `
for at = 1, #ARGV, 3 do
  if redis.call('hget', KEYS[1], ARGV[at]) ~= ARGV[at + 1] then return 0 end
end
for at = 1, #ARGV, 3 do
  redis.call('hset', KEYS[1], ARGV[at], ARGV[at + 2])
  redis.call('publish', '${serviceChanges}', ARGV[at])
end
return 1`

const forget = `
local id = ARGV[1]
local json = redis.call('hget', 'services', id)
if json then redis.call('hdel', 'services:names', cjson.decode(json).name) end
redis.call('hdel', 'services', id)
redis.call('publish', '${serviceChanges}', id)`

/** The record of services: hash `services` (id -> JSON), which has the links of each, and hash `services:names` (name -> id). */
export class Services {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  /** Records one that is to run. Durable when it resolves. @throws BerthError `invalid`, `conflict` for a bad or a taken name */
  async create(asked: NewService): Promise<Service> {
    checkServiceName(asked.name)
    const service: Service = {
      id: randomBytes(6).toString('hex'),
      ...asked,
      createdAt: new Date().toISOString(),
      ...{ wants: 'running', turn: 1, done: 0, restarts: 0, restarted: 0, failure: null, note: null },
      ...{ image: null, hasData: false, facts: null, links: [] },
    }
    if ((await this.#redis.eval(make, 0, service.id, service.name, JSON.stringify(service))) === 0)
      throw taken(asked.name)
    return service
  }

  /** By name. */
  async list(): Promise<Service[]> {
    const all = (await this.#redis.hvals('services')).map((json) => JSON.parse(json) as Service)
    return all.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async find(id: string): Promise<Service | null> {
    const json = await this.#redis.hget('services', id)
    return json === null ? null : (JSON.parse(json) as Service)
  }

  /** @throws BerthError `missing` */
  async get(name: string): Promise<Service> {
    const id = await this.#redis.hget('services:names', name)
    const service = id === null ? null : await this.find(id)
    if (service === null) throw unknown(name)
    return service
  }

  /**
   * Changes a service in one step, and has whoever follows it look.
   * @param next asked again with what somebody else has made of it meanwhile; null leaves it as it is
   * @throws BerthError `missing`, and whatever `next` throws
   */
  async update(id: string, next: (before: Service) => Partial<Omit<Service, 'id' | 'name'>> | null): Promise<Service> {
    const after = await change<Service>(
      this.#redis,
      { hash: 'services', key: id, script: replace, args: ({ name }) => [name, name] },
      (before) => {
        const patch = next(before)
        return patch && { ...before, ...patch }
      },
    )
    if (after === null) throw unknown(id)
    return after
  }

  /** Asks something of a service: `turn` tells when it is done. @throws as `update` does */
  ask(id: string, next: (before: Service) => Partial<Omit<Service, 'id' | 'name'>>): Promise<Service> {
    return this.update(id, (before) => ({ ...next(before), turn: before.turn + 1, failure: null }))
  }

  /** @throws BerthError `invalid`, `conflict`, `missing`; nothing has changed then */
  async rename(id: string, name: string): Promise<Service> {
    checkServiceName(name)
    for (;;) {
      const json = await this.#redis.hget('services', id)
      if (json === null) throw unknown(id)
      const before = JSON.parse(json) as Service
      const after: Service = { ...before, name }
      const outcome = await this.#redis.eval(replace, 1, 'services', id, json, JSON.stringify(after), before.name, name)
      if (outcome === -1) throw taken(name)
      if (outcome === 1) return after
    }
  }

  /**
   * Gives two services each other's data, and the version that it is of, in one step, with a new turn of both. The scratch one is to stay stopped, and is none any more.
   * @param volumeOf the volume that a service has
   * @throws BerthError `missing`
   */
  async swap(id: string, scratch: string, volumeOf: (service: Service) => string): Promise<Service> {
    for (;;) {
      const [one, other] = await this.#redis.hmget('services', id, scratch)
      if (one == null || other == null) throw unknown(id)
      const [a, b] = [JSON.parse(one) as Service, JSON.parse(other) as Service]
      const changed = { turn: a.turn + 1, failure: null, before: b.id }
      const after: Service = { ...a, ...changed, volume: volumeOf(b), version: b.version, image: b.image }
      const beside: Service = {
        ...without(b, 'scratch'),
        ...{ volume: volumeOf(a), version: a.version, image: a.image },
        wants: 'stopped',
        turn: b.turn + 1,
        failure: null,
      }
      const args = [id, one, JSON.stringify(after), scratch, other, JSON.stringify(beside)]
      if ((await this.#redis.eval(swap, 1, 'services', ...args)) === 1) return after
    }
  }

  /** Forgets a service. Safe to repeat. */
  async remove(id: string): Promise<void> {
    await this.#redis.eval(forget, 0, id)
  }

  /** Links of an app that do not end, each with its service. */
  async linksOf(app: string): Promise<{ readonly service: Service; readonly link: Link }[]> {
    return (await this.list()).flatMap((service) =>
      service.links.filter((link) => link.app === app && !link.ends).map((link) => ({ service, link })),
    )
  }

  /** The URLs of a release, by config var; those of links that are no more are left out. */
  async urlsOf(links: ReleaseLinks = {}): Promise<Record<string, string>> {
    const all = await Promise.all(
      Object.entries(links).map(async ([variable, { service, link }]) => {
        const found = (await this.find(service))?.links.find(({ id }) => id === link)
        return found ? [[variable, found.url] as const] : []
      }),
    )
    return Object.fromEntries(all.flat())
  }
}
