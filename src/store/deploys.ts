import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { BerthError } from '../errors.js'
import type { FormationEntry } from './releases.js'

/** What a deploy changes. */
export type Change =
  | {
      readonly kind: 'push'
      readonly commit: string
      readonly branch: string
      /** Deploys ahead of it that this commit does not build upon: if one of them lands first, this push is stale. */
      readonly unless?: readonly string[]
    }
  | { readonly kind: 'config'; readonly set: Readonly<Record<string, string>>; readonly unset: readonly string[] }
  | { readonly kind: 'scale'; readonly formation: Readonly<Record<string, Partial<FormationEntry>>> }
  | { readonly kind: 'rollback'; readonly version: number }
  | { readonly kind: 'restart'; readonly process: string | null }
  | { readonly kind: 'rename' }
  | { readonly kind: 'destroy' }

export type DeployStatus = 'queued' | 'building' | 'releasing' | 'succeeded' | 'failed' | 'superseded'

export const isOver = (status: DeployStatus): boolean =>
  status === 'succeeded' || status === 'failed' || status === 'superseded'

/** One change on its way to an app. Those of kind `push` are its builds. */
export interface Deploy {
  /** Sorts by time. */
  readonly id: string
  /** App id. */
  readonly app: string
  readonly change: Change
  readonly status: DeployStatus
  /** RFC 3339 */
  readonly createdAt: string
  readonly finishedAt: string | null
  /** Version of the release it made; set before the roll-out begins, so that a restarted worker resumes it. */
  readonly release: number | null
  /** Why it failed, one line. */
  readonly failure: string | null
}

/** Channel that is told of an app's new deploy in the same transaction that records it. */
export const arrivals = 'deploys:arrived'

export const newDeployId = (): string => Date.now().toString(36).padStart(9, '0') + randomBytes(4).toString('hex')

/**
 * The record of deploys: hash `deploys` (id -> JSON), list `deploys:<app>` of its ids, and list `pending:<app>` of those
 * not over, oldest first. Channel `deploy:<id>` is told of every change of status and every line of its log.
 */
export class Deploys {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  /** Durable when it resolves: it will be carried out, whatever dies. */
  async create(app: string, change: Change, id = newDeployId()): Promise<Deploy> {
    const deploy: Deploy = {
      id,
      app,
      change,
      status: 'queued',
      createdAt: new Date().toISOString(),
      finishedAt: null,
      release: null,
      failure: null,
    }
    await this.#redis
      .multi()
      .hset('deploys', deploy.id, JSON.stringify(deploy))
      .rpush(`deploys:${app}`, deploy.id)
      .rpush(`pending:${app}`, deploy.id)
      .sadd('pending', app)
      .publish(arrivals, app)
      .exec()
    return deploy
  }

  /** @throws BerthError `missing` */
  async get(id: string): Promise<Deploy> {
    const json = await this.#redis.hget('deploys', id)
    if (json === null)
      throw new BerthError('missing', `no build ${id.slice(0, 40)}`, 'run `berth builds` to see them all')
    return JSON.parse(json) as Deploy
  }

  /** Newest first. */
  async list(app: string): Promise<Deploy[]> {
    return (await this.#read(`deploys:${app}`)).reverse()
  }

  /** Those not over, oldest first. */
  async pending(app: string): Promise<Deploy[]> {
    return this.#read(`pending:${app}`)
  }

  /** Ids of apps that have, or had a moment ago, pending deploys. */
  async pendingApps(): Promise<string[]> {
    return this.#redis.smembers('pending')
  }

  /** Changes a deploy and tells whoever follows it. Once over, it is pending no more. */
  async update(id: string, patch: Partial<Pick<Deploy, 'status' | 'release' | 'failure'>>): Promise<Deploy> {
    const before = await this.get(id)
    const over = patch.status !== undefined && isOver(patch.status)
    const deploy: Deploy = { ...before, ...patch, finishedAt: over ? new Date().toISOString() : before.finishedAt }
    const change = this.#redis.multi().hset('deploys', id, JSON.stringify(deploy))
    if (over) change.lrem(`pending:${deploy.app}`, 0, id)
    await change.publish(`deploy:${id}`, deploy.status).exec()
    return deploy
  }

  async removeAll(app: string): Promise<void> {
    const ids = await this.#redis.lrange(`deploys:${app}`, 0, -1)
    const change = this.#redis.multi().del(`deploys:${app}`, `pending:${app}`).srem('pending', app)
    if (ids.length > 0) change.hdel('deploys', ...ids)
    await change.exec()
  }

  async #read(list: string): Promise<Deploy[]> {
    const ids = await this.#redis.lrange(list, 0, -1)
    if (ids.length === 0) return []
    const all = await this.#redis.hmget('deploys', ...ids)
    return all.flatMap((json) => (json === null ? [] : [JSON.parse(json) as Deploy]))
  }
}
