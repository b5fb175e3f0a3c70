import { BerthError } from '../../errors.js'
import { askServer, type AskWalls } from '../../lib/ask.js'
import type { Target } from '../../store/routes.js'
import { version } from '../../version.js'

/** ms that an app has to say whether a hostname is its customer's. */
const longestWait = 2_000
/** Bytes that it may say. */
const longest = 4_096

const asked = {
  name: 'app',
  privately: 'name a path of the app instead, as --ask /allowed: it is asked where it runs',
} as const

/** What an app is asked with. */
export interface Asking {
  /** URL, or path of the app. */
  readonly ask: string
  /** Hostname of the app by its name. */
  readonly appHost: string
  /** Where it runs. */
  readonly targets: readonly Target[]
  /** Hosts that may have private addresses, and be asked by plain HTTP; default none. */
  readonly trusted?: readonly string[]
}

/**
 * Asks an app whether a hostname is to lead to it: `GET ASK?domain=HOST`. 200 is yes, and 4xx is no.
 * @throws BerthError for all else: no answer in time, one that is too long, a redirect, another status, an app that does not run
 */
export async function askApp(host: string, { ask, appHost, targets, trusted = [] }: Asking): Promise<boolean> {
  const isPath = ask.startsWith('/')
  const [target] = targets
  if (isPath && target === undefined)
    throw new BerthError('unavailable', 'the app cannot be asked: none of its processes runs')
  const origin = target && `${target.host}:${String(target.port)}`
  const url = new URL(isPath ? `http://${origin ?? ''}${ask}` : ask)
  url.searchParams.set('domain', host)
  const walls: AskWalls = {
    ...{ limit: longestWait, longest, asked },
    trusted: isPath && origin !== undefined ? [origin] : trusted,
  }
  // many apps send on what came by plain HTTP
  const asRouted = isPath && { host: appHost, 'x-forwarded-proto': 'https' }
  const headers = { 'user-agent': `Berth/${version} (on demand)`, ...asRouted }
  const { status } = await askServer(walls, url, { method: 'GET', headers })
  if (status === 200) return true
  if (status >= 400 && status < 500 && status !== 429) return false
  throw new BerthError('unavailable', `the app answers ${String(status)}, which is neither yes (200) nor no (404)`)
}
