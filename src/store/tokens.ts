import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { sha256 } from '../config.js'
import { BerthError } from '../errors.js'
import { Secret } from '../lib/secret.js'

/** What is known of a token; never the token itself. */
export interface Token {
  /** The first digits of its hash: enough to name it, too few to find it. */
  readonly id: string
  /** Whose it is, or what for. */
  readonly name: string
  /** RFC 3339 */
  readonly createdAt: string
  /** RFC 3339; null is never. */
  readonly expiresAt: string | null
}

/** A token and when it was last used, to the minute. */
export interface KnownToken extends Token {
  readonly lastUsedAt: string | null
}

/** Channel that is told the id of a token that was revoked. */
export const revocations = 'tokens:revoked'

/** The use of a token is written down this often at most. Milliseconds. */
const useMs = 60_000

type Stored = Omit<Token, 'id' | 'expiresAt'> & { readonly expiresAt?: string | null }

const idOf = (hash: string): string => hash.slice(0, 12)

/** The id of a token that one has. */
export const tokenId = (token: string): string => idOf(sha256(token))

const parse = (hash: string, json: string): Token => {
  const { name, createdAt, expiresAt = null } = JSON.parse(json) as Stored
  return { id: idOf(hash), name, createdAt, expiresAt }
}

/** Whether a token is good for nothing any more. */
export const isExpired = ({ expiresAt }: Token): boolean => expiresAt !== null && Date.parse(expiresAt) <= Date.now()

/**
 * API tokens: hash `tokens` (SHA-256 of the token -> JSON), and hash `tokens:used` (id -> time). The token itself is stored
 * nowhere.
 */
export class Tokens {
  readonly #redis: Redis
  /** When this process last wrote down a token's use. */
  readonly #noted = new Map<string, number>()

  constructor(redis: Redis) {
    this.#redis = redis
  }

  /** Makes a token of 256 random bits; this is the only time it can be read. */
  async create(name: string, expiresAt: string | null = null): Promise<Secret> {
    const token = `berth_${randomBytes(32).toString('base64url')}`
    const stored: Stored = { name, createdAt: new Date().toISOString(), expiresAt }
    await this.#redis.hset('tokens', sha256(token), JSON.stringify(stored))
    return new Secret(token)
  }

  /** What is known of a token; null when it is not one of ours, or has expired. Notes that it was used. */
  async verify(token: string): Promise<Token | null> {
    const hash = sha256(token)
    const json = await this.#redis.hget('tokens', hash)
    const known = json === null ? null : parse(hash, json)
    if (known === null || isExpired(known)) return null
    if (Date.now() - (this.#noted.get(known.id) ?? 0) >= useMs) {
      this.#noted.set(known.id, Date.now())
      await this.#redis.hset('tokens:used', known.id, new Date().toISOString())
    }
    return known
  }

  /** Oldest first. */
  async list(): Promise<KnownToken[]> {
    const [all, used] = await Promise.all([this.#redis.hgetall('tokens'), this.#redis.hgetall('tokens:used')])
    return Object.entries(all)
      .map(([hash, json]) => parse(hash, json))
      .map((token) => ({ ...token, lastUsedAt: used[token.id] ?? null }))
      .sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1))
  }

  /**
   * Makes a token worthless from now on, and tells those who still serve its holder.
   * @param given its id, or its name when no other has it
   * @throws BerthError `missing`, `conflict` when several have that name
   */
  async revoke(given: string): Promise<KnownToken> {
    const all = await this.list()
    const [token, other] = all.some(({ id }) => id === given)
      ? all.filter(({ id }) => id === given)
      : all.filter(({ name }) => name === given)
    if (!token)
      throw new BerthError('missing', `no token "${given.slice(0, 80)}"`, 'run `berth tokens` to see them all')
    if (other)
      throw new BerthError(
        'conflict',
        `several tokens are named "${given.slice(0, 80)}"`,
        'name one by its id, as `berth tokens` shows it',
      )
    const hash = (await this.#redis.hkeys('tokens')).find((key) => idOf(key) === token.id)
    if (hash !== undefined)
      await this.#redis.multi().hdel('tokens', hash).hdel('tokens:used', token.id).publish(revocations, token.id).exec()
    return token
  }

  /** Whether a token that was good still is. */
  async isGood(token: Token): Promise<boolean> {
    const known = await this.#redis.hkeys('tokens')
    return known.some((hash) => idOf(hash) === token.id) && !isExpired(token)
  }
}
