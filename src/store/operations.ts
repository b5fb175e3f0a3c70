import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { BerthError } from '../errors.js'
import { change, unlessChanged } from './records.js'

/**
 * What an operation changes, as it is stored: `src/changes` knows the kinds and what belongs to each. Values that nobody is to
 * read are those of `set`.
 */
export type StoredChange = { readonly kind: string } & Readonly<Record<string, unknown>>

export type OperationStatus = 'queued' | 'building' | 'releasing' | 'succeeded' | 'failed' | 'superseded' | 'cancelled'

const ends: readonly OperationStatus[] = ['succeeded', 'failed', 'superseded', 'cancelled']

export const isOver = (status: OperationStatus): boolean => ends.includes(status)

/** Who asked for an operation. */
export interface Asker {
  /** Id of the token. */
  readonly token: string
  /** Whose it is, or what for. */
  readonly name: string
}

/** One change on its way to an app. Those of kind `push` are its builds. */
export interface Operation {
  /** Sorts by time. */
  readonly id: string
  /** App id. */
  readonly app: string
  readonly change: StoredChange
  readonly status: OperationStatus
  /** RFC 3339 */
  readonly createdAt: string
  readonly finishedAt: string | null
  /** Version of the release it made; set before the roll-out begins, so that a restarted worker resumes it. */
  readonly release: number | null
  /** Version of the release that was so already, and is the one that runs. */
  readonly unchanged?: number
  /** Why it failed, one line. */
  readonly failure: string | null
  /** Who asked for it; null is Berth itself, or not known. */
  readonly by?: Asker | null
  /** Who wants it ended; the worker does it. */
  readonly cancelledBy?: string
}

/** How many of an app's operations are remembered, pending ones apart. */
export const keptOperations = 100

const missing = (id: string): never => {
  throw new BerthError(
    'missing',
    `no change ${id.slice(0, 40)} is known: its app was destroyed, or it is long over`,
    'run `berth apps` and `berth builds` to see what there is',
  )
}

/** Channel that is told of an app's new operation in the same step that records it, and of one to cancel. */
export const arrivals = 'deploys:arrived'

/** Channel that is told of every change of an operation's status, and whenever its log has grown. */
export const operationChannel = (id: string): string => `deploy:${id}`

/** What that channel is told of a log that has grown; of a status, its name. */
export const logWord = 'log'

export const newOperationId = (): string => Date.now().toString(36).padStart(9, '0') + randomBytes(4).toString('hex')

/** An operation, unless it is recorded already; 0: its app is gone. */
const record = `
local app, id, json, channel = unpack(ARGV)
if redis.call('hexists', 'apps', app) == 0 then return 0 end
if redis.call('hsetnx', 'deploys', id, json) == 0 then return 1 end
redis.call('rpush', 'deploys:' .. app, id)
redis.call('rpush', 'pending:' .. app, id)
redis.call('sadd', 'pending', app)
redis.call('publish', channel, app)
return 1`

const proceed = `${unlessChanged}
local app, status, over = ARGV[4], ARGV[5], ARGV[6]
if over == '1' then redis.call('lrem', 'pending:' .. app, 0, key) end
redis.call('publish', 'deploy:' .. key, status)
return 1`

const release = `${unlessChanged}
local app, status, version, json = ARGV[4], ARGV[5], ARGV[6], ARGV[7]
redis.call('hset', 'releases:' .. app, version, json)
redis.call('publish', 'deploy:' .. key, status)
return 1`

const trim = `
local app, most, gone = ARGV[1], tonumber(ARGV[2]), {}
while redis.call('llen', 'deploys:' .. app) > most do
  local id = redis.call('lindex', 'deploys:' .. app, 0)
  if redis.call('lpos', 'pending:' .. app, id) then break end
  redis.call('lpop', 'deploys:' .. app)
  redis.call('hdel', 'deploys', id)
  table.insert(gone, id)
end
return gone`

/** The values of a change that nobody is to read. */
export const valuesOf = ({ set, env }: StoredChange): Readonly<Record<string, string>> => ({
  ...(set as Readonly<Record<string, string>> | undefined),
  ...(env as Readonly<Record<string, string>> | undefined),
})

/** What was done stays known by its names: the values of config vars are in the release. */
const withoutValues = (change: StoredChange): StoredChange => {
  const emptied = (['set', 'env'] as const).flatMap((field): [string, object][] => {
    const names = Object.keys((change[field] as object | undefined) ?? {})
    return field in change ? [[field, Object.fromEntries(names.map((name) => [name, '']))]] : []
  })
  return { ...change, ...Object.fromEntries(emptied) }
}

/**
 * The record of operations: hash `deploys` (id -> JSON), list `deploys:<app>` of its ids, and list `pending:<app>` of those not
 * over, oldest first. What is stored keeps the word of before: the processes of two versions may run at once while one replaces
 * the other, and a backup is read by both.
 */
export class Operations {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  /**
   * Durable when it resolves: it will be carried out, whatever dies. The same id again changes nothing.
   * @throws BerthError `missing` when the app has been destroyed
   */
  async create(app: string, change: StoredChange, id = newOperationId(), by: Asker | null = null): Promise<Operation> {
    const operation: Operation = {
      id,
      app,
      change,
      status: 'queued',
      createdAt: new Date().toISOString(),
      finishedAt: null,
      release: null,
      failure: null,
      by,
    }
    if ((await this.#redis.eval(record, 0, app, id, JSON.stringify(operation), arrivals)) === 0)
      throw new BerthError('missing', 'the app is not there any more', 'run `berth apps` to see them all')
    return operation
  }

  /** @throws BerthError `missing` */
  async get(id: string): Promise<Operation> {
    const json = await this.#redis.hget('deploys', id)
    if (json === null) return missing(id)
    return JSON.parse(json) as Operation
  }

  /** Newest first. */
  async list(app: string): Promise<Operation[]> {
    return (await this.#read(`deploys:${app}`)).reverse()
  }

  /** Those not over, oldest first. */
  async pending(app: string): Promise<Operation[]> {
    return this.#read(`pending:${app}`)
  }

  /** Ids of apps that have, or had a moment ago, pending operations. */
  async pendingApps(): Promise<string[]> {
    return this.#redis.smembers('pending')
  }

  /**
   * Changes an operation and tells whoever follows it. Once over, it is pending no more, and stays as it is.
   * @throws BerthError `missing`
   */
  async update(
    id: string,
    patch: Partial<Pick<Operation, 'status' | 'release' | 'failure' | 'unchanged'>>,
  ): Promise<Operation> {
    const now = await change<Operation>(
      this.#redis,
      {
        hash: 'deploys',
        key: id,
        script: proceed,
        args: ({ app, status }) => [app, status, isOver(status) ? '1' : '0'],
      },
      (before) => {
        if (isOver(before.status)) return null
        const after = { ...before, ...patch }
        if (!isOver(after.status)) return after
        return { ...after, change: withoutValues(after.change), finishedAt: new Date().toISOString() }
      },
    )
    return now ?? missing(id)
  }

  /**
   * Writes the release that an operation makes, and its number with the operation: both in one step, or none.
   * @param made as the record of releases has it
   * @throws BerthError `missing`
   */
  async release(id: string, made: { readonly version: number }): Promise<void> {
    const now = await change<Operation>(
      this.#redis,
      {
        hash: 'deploys',
        key: id,
        script: release,
        args: ({ app, status }) => [app, status, String(made.version), JSON.stringify(made)],
      },
      (before) => (isOver(before.status) ? null : { ...before, status: 'releasing', release: made.version }),
    )
    if (now === null) missing(id)
  }

  /**
   * Asks the worker to end an operation. Durable when it resolves; the same again, and of one that is over, changes nothing.
   * @throws BerthError `missing`
   */
  async cancel(id: string, by: string): Promise<Operation> {
    const options = { hash: 'deploys', key: id }
    const now = await change<Operation>(this.#redis, options, (before) =>
      isOver(before.status) || before.cancelledBy !== undefined ? null : { ...before, cancelledBy: by },
    )
    if (!now) return missing(id)
    await this.#redis.publish(arrivals, now.app)
    return now
  }

  /** Has those who follow an operation look again; at its log alone for `logWord`. */
  async notify(id: string, what: string): Promise<void> {
    await this.#redis.publish(operationChannel(id), what)
  }

  /** Forgets an app's oldest operations beyond `most`, pending ones apart. @returns their ids */
  async trim(app: string, most = keptOperations): Promise<string[]> {
    return (await this.#redis.eval(trim, 0, app, most)) as string[]
  }

  /** Ids of all there are. */
  async ids(): Promise<Set<string>> {
    return new Set(await this.#redis.hkeys('deploys'))
  }

  async #read(list: string): Promise<Operation[]> {
    const ids = await this.#redis.lrange(list, 0, -1)
    if (ids.length === 0) return []
    const all = await this.#redis.hmget('deploys', ...ids)
    return all.flatMap((json) => (json === null ? [] : [JSON.parse(json) as Operation]))
  }
}
