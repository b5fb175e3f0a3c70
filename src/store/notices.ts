import type { Redis } from 'ioredis'

/** What Berth did with a process of its own accord, or saw of it: a line of its app's log. */
export interface Notice {
  /** Grows with each notice of an app. */
  readonly id: string
  /** RFC 3339 */
  readonly time: string
  /** `web.1` */
  readonly process: string
  readonly text: string
}

/** So many are kept of an app, the newest, about. */
const kept = 500
/** Characters of a text that are. */
const longest = 1_000

/** Channel that is told when an app has a new one. */
export const noticeChannel = (app: string): string => `notices:${app}`

/** Nothing is kept of an app that is gone. */
const add = `
local app, most, time, process, text = unpack(ARGV)
if redis.call('hexists', 'apps', app) == 0 then return 0 end
redis.call('xadd', 'notices:' .. app, 'MAXLEN', '~', most, '*', 'time', time, 'process', process, 'text', text)
redis.call('publish', 'notices:' .. app, '')
return 1`

/** Notices: stream `notices:<app id>`, which goes with the app. */
export class Notices {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  async add(app: string, process: string, text: string): Promise<void> {
    await this.#redis.eval(add, 0, app, kept, new Date().toISOString(), process, text.slice(0, longest))
  }

  /** Oldest first. @param after id of the last one that is known; '' is none */
  async list(app: string, after = ''): Promise<Notice[]> {
    const entries = await this.#redis.xrange(`notices:${app}`, after === '' ? '-' : `(${after}`, '+')
    return entries.map(([id, fields]) => {
      const values: Record<string, string> = {}
      for (let at = 0; at + 1 < fields.length; at += 2) values[fields[at] ?? ''] = fields[at + 1] ?? ''
      const { time = '', process = '', text = '' } = values
      return { id, time, process, text }
    })
  }
}
