import type { Redis } from 'ioredis'
import { noApp } from './missing.js'

/** A certificate, and the key that goes with it. */
export interface Certificate {
  readonly id: string
  /** What it is good for: hostnames in lower case, IDN as punycode, wildcards as `*.example.org`. */
  readonly names: readonly string[]
  /** PEM: its own certificate first, then those that vouch for it. */
  readonly chain: string
  /** PEM. It leaves the server in no answer and no log. */
  readonly key: string
  /** ms since the epoch. */
  readonly notBefore: number
  /** ms since the epoch. */
  readonly notAfter: number
  /** `own`: somebody brought it; `acme`: Berth ordered it. */
  readonly source: 'own' | 'acme'
  /** Id of the app whose hostnames it may serve; null is the platform's, for any. */
  readonly app: string | null
}

/** Channel that is told the id of a certificate that is new, is another, or is gone. */
export const certificateChanges = 'certificates:changed'

/** 0: its app is gone. */
const put = `
local id, json, app, channel = unpack(ARGV)
if app ~= '' and redis.call('hexists', 'apps', app) == 0 then return 0 end
redis.call('hset', 'certificates', id, json)
redis.call('publish', channel, id)
return 1`

/** Lua: `forgetCertificates(app)`, for the script that forgets an app. */
export const certifying = `
local function forgetCertificates(app)
  for _, id in ipairs(redis.call('hkeys', 'certificates')) do
    local ok, one = pcall(cjson.decode, redis.call('hget', 'certificates', id))
    if ok and one.app == app then
      redis.call('hdel', 'certificates', id)
      redis.call('publish', '${certificateChanges}', id)
    end
  end
end
`

/** Certificates: hash `certificates` (id -> JSON). Those of an app go with it. */
export class Certificates {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  async list(): Promise<Certificate[]> {
    return (await this.#redis.hvals('certificates')).map((json) => JSON.parse(json) as Certificate)
  }

  async get(id: string): Promise<Certificate | null> {
    const json = await this.#redis.hget('certificates', id)
    return json === null ? null : (JSON.parse(json) as Certificate)
  }

  /** Keeps a certificate, in the place of that with its id. Durable when it resolves. @throws BerthError `missing` when its app is gone */
  async put(certificate: Certificate): Promise<void> {
    const { id, app } = certificate
    const args = [id, JSON.stringify(certificate), app ?? '', certificateChanges]
    if ((await this.#redis.eval(put, 0, ...args)) === 0) throw noApp(app ?? '')
  }

  /** Whether there was one. */
  async remove(id: string): Promise<boolean> {
    const [[, gone] = []] =
      (await this.#redis.multi().hdel('certificates', id).publish(certificateChanges, id).exec()) ?? []
    return gone === 1
  }

  /** The one to show for a hostname of an app (null: of the platform): see `certificateFor`. */
  async find(name: string, app: string | null = null): Promise<Certificate | null> {
    return certificateFor(await this.list(), name, app)
  }
}

/** Whether a name of a certificate, a wildcard perhaps, covers a hostname (RFC 9525 §6.3). */
export const coversHost = (name: string, host: string): boolean =>
  name === host || (name.startsWith('*.') && host.indexOf('.') > 0 && name.slice(1) === host.slice(host.indexOf('.')))

/**
 * Of all certificates the one to show for a hostname, or for a wildcard as `*.example.org`; null when none covers it. An app's own come
 * before the platform's, and those of other apps never count, whatever names they bear: who has a hostname says by what it is
 * served. Then one that is valid now comes before others, one that somebody brought before one that was ordered, and
 * that which is good for longest before the rest.
 */
export function certificateFor(
  all: readonly Certificate[],
  host: string,
  app: string | null,
  now = Date.now(),
): Certificate | null {
  const rank = (one: Certificate): number[] => [
    one.notBefore <= now && now < one.notAfter ? 1 : 0,
    one.app === app ? 1 : 0,
    one.source === 'own' ? 1 : 0,
    one.notAfter,
  ]
  const fit = all.filter(
    (one) => (one.app === null || one.app === app) && one.names.some((name) => coversHost(name, host)),
  )
  return fit.sort((a, b) => compare(rank(b), rank(a)))[0] ?? null
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [at, one] of a.entries()) if (one !== b[at]) return one - (b[at] ?? 0)
  return 0
}
