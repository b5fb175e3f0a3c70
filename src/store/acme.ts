import type { Redis } from 'ioredis'
import { change } from './records.js'

/** An account at a CA. */
export interface AcmeAccount {
  /** PEM, P-256. */
  readonly key: string
  /** Null until the CA has said. */
  readonly url: string | null
}

/** How a CA is shown that a hostname is ours (RFC 8555 §8, RFC 8737). */
export type ProofType = 'http-01' | 'tls-alpn-01' | 'dns-01'

/** What is spoken to a CA that looks at a handshake alone (RFC 8737 §4). */
export const tlsProtocol = 'acme-tls/1'

/** Channel that is told when another handshake is to be answered, or none any more. */
export const tlsAnswerChanges = 'acme:tls:changed'

/** A certificate that Berth orders for one hostname of an app, or its own, and orders again before it expires. */
export interface AcmeJob {
  /** App id; null is the platform's. */
  readonly app: string | null
  readonly host: string
  /** URL of the CA's directory that `order` is at. */
  readonly directory: string
  /** URL of the order under way. */
  readonly order: string | null
  /** PEM: the key that the certificate under way will have. */
  readonly key: string | null
  /** How often it has failed in a row. */
  readonly failures: number
  /** Why it failed last, one line. */
  readonly failure: string | null
  /** ms: when it is worked on next. */
  readonly next: number
  /** Id of the certificate that came of it last. */
  readonly certificate: string | null
  /** ms: when that is to be renewed. */
  readonly renew: number | null
  /** What the CA accepted last. */
  readonly proof?: ProofType
  /** What it has refused since, or the router could not show. */
  readonly refused?: ProofType | null
}

/** Channel that is told when somebody wants certificates looked after at once. */
export const acmeChanges = 'acme:changed'

/** What a token is good for: a CA has looked long before. Seconds. */
const tokenLife = 24 * 3_600

/** 0: its app is gone. */
const begin = `
local field, json, app = unpack(ARGV)
if app ~= '' and redis.call('hexists', 'apps', app) == 0 then return 0 end
redis.call('hsetnx', 'acme:jobs', field, json)
return 1`

/** A job as it was read becomes another; 0: it is not as it was read, or its app is gone. */
const proceed = `
local field, before, after, app = unpack(ARGV)
if redis.call('hget', KEYS[1], field) ~= before then return 0 end
if app ~= '' and redis.call('hexists', 'apps', app) == 0 then return 0 end
redis.call('hset', KEYS[1], field, after)
return 1`

const fieldOf = ({ app, host }: Pick<AcmeJob, 'app' | 'host'>): string => `${app ?? ''} ${host}`

/**
 * What is under way with CAs: hash `acme:accounts` (directory -> JSON), hash `acme:jobs` (app and hostname -> JSON), a string
 * `acme:token:<token>` for each challenge that is to be answered, and hash `acme:tls` (hostname -> JSON) for those of handshakes. All that a worker needs to go on where one that was killed has
 * stopped is here before it is said to the CA.
 */
export class Acme {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  /** The account at a CA; it begins with this key unless there is one. */
  async account(directory: string, key: () => string): Promise<AcmeAccount> {
    const read = async (): Promise<AcmeAccount | null> => {
      const json = await this.#redis.hget('acme:accounts', directory)
      return json === null ? null : (JSON.parse(json) as AcmeAccount)
    }
    const known = await read()
    if (known) return known
    const fresh: AcmeAccount = { key: key(), url: null }
    await this.#redis.hsetnx('acme:accounts', directory, JSON.stringify(fresh))
    return (await read()) ?? fresh
  }

  async setAccountUrl(directory: string, url: string | null): Promise<void> {
    await change<AcmeAccount>(this.#redis, { hash: 'acme:accounts', key: directory }, (before) => ({ ...before, url }))
  }

  async jobs(): Promise<AcmeJob[]> {
    return (await this.#redis.hvals('acme:jobs')).map((json) => JSON.parse(json) as AcmeJob)
  }

  /** Those of an app; of the platform with null. */
  async jobsOf(app: string | null): Promise<AcmeJob[]> {
    return (await this.jobs()).filter((job) => job.app === app)
  }

  async job(of: Pick<AcmeJob, 'app' | 'host'>): Promise<AcmeJob | null> {
    const json = await this.#redis.hget('acme:jobs', fieldOf(of))
    return json === null ? null : (JSON.parse(json) as AcmeJob)
  }

  /** Records one unless there is one. */
  async begin(job: AcmeJob): Promise<void> {
    await this.#redis.eval(begin, 0, fieldOf(job), JSON.stringify(job), job.app ?? '')
  }

  /** @returns null when there is none any more */
  update(of: Pick<AcmeJob, 'app' | 'host'>, patch: Partial<AcmeJob>): Promise<AcmeJob | null> {
    const script = { hash: 'acme:jobs', key: fieldOf(of), script: proceed, args: () => [of.app ?? ''] }
    return change<AcmeJob>(this.#redis, script, (before) => ({ ...before, ...patch }))
  }

  async forget(of: Pick<AcmeJob, 'app' | 'host'>): Promise<void> {
    await this.#redis.hdel('acme:jobs', fieldOf(of))
  }

  /** Has the worker look after certificates at once. */
  async notify(): Promise<void> {
    await this.#redis.publish(acmeChanges, '')
  }

  /** Has whoever asks any hostname for this token answered so. Durable when it resolves. */
  async answer(token: string, text: string): Promise<void> {
    await this.#redis.set(`acme:token:${token}`, text, 'EX', tokenLife)
  }

  async unanswer(token: string): Promise<void> {
    await this.#redis.del(`acme:token:${token}`)
  }

  /** Has CAs that ask for a hostname in a handshake shown this digest. Durable when it resolves; routers hear of it. */
  async answerTls(host: string, digest: Buffer): Promise<void> {
    const json = JSON.stringify({ digest: digest.toString('base64'), until: Date.now() + tokenLife * 1000 })
    await this.#redis.multi().hset('acme:tls', host, json).publish(tlsAnswerChanges, host).exec()
  }

  async unanswerTls(host: string): Promise<void> {
    await this.#redis.multi().hdel('acme:tls', host).publish(tlsAnswerChanges, host).exec()
  }

  /** What handshakes are answered with, by hostname. */
  async tlsAnswers(): Promise<Map<string, Buffer>> {
    const all = Object.entries(await this.#redis.hgetall('acme:tls')).map(([host, json]) => {
      const { digest, until } = JSON.parse(json) as { digest: string; until: number }
      return { host, digest: Buffer.from(digest, 'base64'), until }
    })
    return new Map(all.filter(({ until }) => until > Date.now()).map(({ host, digest }) => [host, digest]))
  }

  async answerTo(token: string): Promise<string | null> {
    return this.#redis.get(`acme:token:${token}`)
  }
}

/** A token as CAs make them (RFC 8555 §8.1); others are asked for by nobody. */
export const isToken = (token: string): boolean => /^[\w-]{1,200}$/.test(token)

/** Lua: `forgetJobs(app)`, for the script that forgets an app. */
export const ordering = `
local function forgetJobs(app)
  for _, field in ipairs(redis.call('hkeys', 'acme:jobs')) do
    if string.sub(field, 1, #app + 1) == app .. ' ' then redis.call('hdel', 'acme:jobs', field) end
  end
end
`
