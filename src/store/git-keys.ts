import type { Redis } from 'ioredis'
import { BerthError } from '../errors.js'
import { Secret } from '../lib/secret.js'

/** The key with which an app's repositories are fetched over SSH. */
export interface DeployKey {
  readonly privateKey: Secret
  readonly publicKey: string
  /** RFC 3339 */
  readonly createdAt: string
}

/** What an app has for SSH. */
export interface SshKeys {
  readonly key: DeployKey | null
  /** By hosts, as `sshHostOf` names them: the keys that they show. */
  readonly hosts: ReadonlyMap<string, readonly string[]>
}

/** Hosts of one app. */
export const maxHosts = 50

const hostField = 'host:'

/** Sets a field, unless it is there and is to stay; -1: the app is gone, 0: it stays, -2: there are too many. */
const put = `
local app, field, json, most, mode = unpack(ARGV)
if redis.call('hexists', 'apps', app) == 0 then return -1 end
if mode == 'stay' and redis.call('hexists', KEYS[1], field) == 1 then return 0 end
if redis.call('hexists', KEYS[1], field) == 0 and redis.call('hlen', KEYS[1]) > tonumber(most) then return -2 end
redis.call('hset', KEYS[1], field, json)
return 1`

/** An app's key, and those of the hosts that it knows: hash `git:ssh:<app>` (`key`, `host:<name>` -> JSON), gone with the app. */
export class GitKeys {
  readonly #redis: Redis
  readonly #app: string
  constructor(redis: Redis, app: string) {
    this.#redis = redis
    this.#app = app
  }

  async all(): Promise<SshKeys> {
    const { key, ...rest } = await this.#redis.hgetall(this.#key)
    const hosts = Object.entries(rest).filter(([field]) => field.startsWith(hostField))
    return {
      key: key === undefined ? null : keyOf(key),
      hosts: new Map(hosts.map(([field, json]) => [field.slice(hostField.length), JSON.parse(json) as string[]])),
    }
  }

  /**
   * Keeps a key; one that is there stays, unless it is to be replaced.
   * @returns the one that the app has then, null when the app is gone
   */
  async setKey({ privateKey, publicKey, createdAt }: DeployKey, replace: boolean): Promise<DeployKey | null> {
    const json = JSON.stringify({ privateKey: privateKey.reveal(), publicKey, createdAt })
    await this.#put('key', json, replace ? 'replace' : 'stay')
    return (await this.all()).key
  }

  /** @returns whether there was one */
  async removeKey(): Promise<boolean> {
    return (await this.#redis.hdel(this.#key, 'key')) === 1
  }

  /**
   * Knows a host by its key from now on; one that is known by another stays known by that.
   * @returns the keys that it is known by then
   * @throws BerthError `missing` when the app is gone, `large` when there are too many
   */
  async trust(host: string, line: string): Promise<readonly string[]> {
    const done = await this.#put(`${hostField}${host}`, JSON.stringify([line]), 'stay')
    if (done === -1) throw new BerthError('missing', 'the app was destroyed')
    if (done === -2)
      throw new BerthError(
        'large',
        `there are ${String(maxHosts)} hosts, and no more are known`,
        'remove one with `berth git:host:remove HOST`',
      )
    return (await this.all()).hosts.get(host) ?? []
  }

  /** @returns whether it was known */
  async forget(host: string): Promise<boolean> {
    return (await this.#redis.hdel(this.#key, `${hostField}${host}`)) === 1
  }

  get #key(): string {
    return `git:ssh:${this.#app}`
  }

  async #put(field: string, json: string, mode: 'stay' | 'replace'): Promise<number> {
    return Number(await this.#redis.eval(put, 1, this.#key, this.#app, field, json, maxHosts, mode))
  }
}

function keyOf(json: string): DeployKey {
  const { privateKey, publicKey, createdAt } = JSON.parse(json) as Record<keyof DeployKey, string>
  return { privateKey: new Secret(privateKey), publicKey, createdAt }
}
