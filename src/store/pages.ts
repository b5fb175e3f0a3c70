import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'

/** By what a page is named: its content. */
export const digestOf = (html: string): string => createHash('sha256').update(html).digest('hex')

const sweep = `
local id = ARGV[1]
local app = redis.call('hget', 'apps', id)
local rules = app and cjson.decode(app).rules
local named = {}
for _, digest in pairs(rules and rules.pages or {}) do named[digest] = true end
for _, digest in ipairs(redis.call('hkeys', 'pages:' .. id)) do
  if not named[digest] then redis.call('hdel', 'pages:' .. id, digest) end
end`

/** The pages that apps have of their own: hash `pages:APP` (digest -> HTML). What each is shown for is said by an app's rules. */
export class Pages {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  /**
   * Keeps a page; durable when it resolves. It may be swept until the app's rules name it: so it is kept before they do, for the
   * router to find, and once more after.
   * @returns its digest
   */
  async keep(app: string, html: string): Promise<string> {
    const digest = digestOf(html)
    await this.#redis.hset(`pages:${app}`, digest, html)
    return digest
  }

  /** Forgets those that the app's rules do not name. */
  async sweep(app: string): Promise<void> {
    await this.#redis.eval(sweep, 0, app)
  }
}
