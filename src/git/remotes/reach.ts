import { BerthError } from '../../errors.js'
import type { Secret } from '../../lib/secret.js'
import { git } from '../git.js'
import { explainFetch, redirects, type Advice } from './failure.js'
import { findHost, type Lookup } from './hosts.js'
import { whereto } from './redirect.js'
import type { Connection, FetchOutcome } from './run.js'
import { sshHostOf } from './host-keys.js'
import type { SshIdentity } from './ssh.js'
import { addressOf, isSsh, type Origin } from './url.js'

/** How often a repository may have moved. */
const maxMoves = 3

/** A user of a host, and the password. */
export interface Login {
  readonly user: string
  readonly password: Secret
}

/** What an app has for SSH. */
export interface SshAccess {
  /** As OpenSSH keeps it; null where the app has no key. */
  readonly key: Secret | null
  /** The keys of a host, `name` or `name:port`, that the app knows. */
  readonly hostKeys: (host: string) => readonly string[]
}

/** What connecting to a repository elsewhere takes, and what it may cost. */
export interface Reaching {
  /** Hosts that may have private addresses. */
  readonly trusted: readonly string[]
  /** What the app has for a host, `name` or `name:port`. */
  readonly loginFor: (host: string) => Login | null
  readonly ssh: SshAccess
  /** Bytes that one may send. */
  readonly most: number
  /** Milliseconds that one may take. */
  readonly patienceMs: number
  readonly signal: AbortSignal
  readonly lookup?: Lookup
}

/** What is looked for, and the words for its failure. */
export interface Sought {
  /** What it is the URL of. */
  readonly path: string
  /** `commit 1a2b3c4` */
  readonly what: string
  readonly origin: Origin
  readonly advice: Advice
}

/** What was reached, and what git said there. */
export interface Reached {
  /** Where it is: it may have moved. */
  readonly origin: Origin
  readonly outcome: FetchOutcome
}

/**
 * Asks something of a repository elsewhere, and of where it says that it has moved to; every place is looked at before anybody
 * connects.
 * @param attempt asks; a redirect is an outcome like any other
 * @throws BerthError that names the place, the URL and the way out
 */
export async function reach(
  at: Reaching,
  sought: Sought,
  attempt: (connection: Connection, signal: AbortSignal) => Promise<FetchOutcome>,
): Promise<Reached> {
  const late = AbortSignal.timeout(at.patienceMs)
  const signal = AbortSignal.any([late, at.signal])
  let { origin } = sought
  for (let moves = 0; ; moves += 1) {
    const connection = await connect(at, origin, sought.path)
    const outcome = await attemptAnywhere(connection, (to) => attempt(to, signal))
    if (redirects(outcome) && moves < maxMoves) {
      const url = await whereto(connection, signal)
      // a password that a URL had is for its host
      if (url) {
        origin = { url, login: url.origin === origin.url.origin ? origin.login : null }
        continue
      }
    }
    at.signal.throwIfAborted()
    if (outcome.code === 0) return { origin, outcome }
    throw explainFetch({
      ...sought,
      connection,
      outcome,
      endedAfter: late.aborted ? at.patienceMs : null,
      most: at.most,
    })
  }
}

/** git's HTTP tries all addresses of a host by itself; ssh is told one. */
async function attemptAnywhere(
  connection: Connection,
  attempt: (connection: Connection) => Promise<FetchOutcome>,
): Promise<FetchOutcome> {
  const [first, ...others] = connection.addresses
  if (!connection.ssh || first === undefined || others.length === 0) return attempt(connection)
  const outcome = await attempt({ ...connection, addresses: [first] })
  if (outcome.code === 0 || !/^ssh: connect to host/m.test(outcome.said)) return outcome
  return attemptAnywhere({ ...connection, addresses: others }, attempt)
}

async function connect(at: Reaching, { url, login }: Origin, path: string): Promise<Connection> {
  const ssh = isSsh(url) ? identityAt(at.ssh, url, path) : undefined // what is lacking is said without asking anybody
  const { addresses, port, trusted } = await findHost(url, path, at.trusted, at.lookup)
  if (ssh) return { url, addresses, port, password: null, ssh }
  const known = at.loginFor(url.host)
  const password = known ?? login
  if (password && url.protocol === 'http:' && !trusted)
    throw new BerthError(
      'denied',
      `${path}: the password for ${url.host} would be sent to ${addressOf(url)} for all to read`,
      'use its https:// URL',
    )
  return { url, addresses, port, password }
}

/** @throws BerthError `denied` when there is no key, or the host is not known */
function identityAt({ key, hostKeys }: SshAccess, url: URL, path: string): SshIdentity {
  const host = sshHostOf(url)
  if (key === null)
    throw new BerthError(
      'denied',
      `${path}: ${addressOf(url)} is reached by SSH, and the app has no key`,
      `\`berth git:key\` makes one, to be added there as a deploy key that may read; or use https://${url.hostname}${url.pathname}`,
    )
  const known = hostKeys(host)
  if (known.length === 0)
    throw new BerthError(
      'denied',
      `${path}: the key of the host ${host} is not known, so anybody could answer in its place`,
      `\`berth git:host ${host}\` shows the one that it has, to be compared with what its owner publishes`,
    )
  return { key, hostKeys: known }
}

/** Whether a git connects to the address that it is told (http.curloptResolve: 2.37), and not to what a name leads to by then. */
export function connectsWhereTold(version: string): boolean {
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(version) ?? []
  return Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 37)
}

/** @throws BerthError `unavailable` where the server's git is too old to be trusted with a connection */
export async function checkGit(repository: string, env: Readonly<Record<string, string>>): Promise<void> {
  const { stdout } = await git(repository, ['version'], env)
  if (!connectsWhereTold(stdout))
    throw new BerthError(
      'unavailable',
      `other repositories are fetched by git 2.37 or newer, and the server has ${stdout}`,
      'install a newer git on the server',
    )
}
