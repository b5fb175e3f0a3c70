import { isIPv6 } from 'node:net'
import { Resolver } from 'node:dns/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { BerthError, messageOf } from '../../errors.js'
import { deadline } from '../../lib/deadline.js'

/** ms between two looks, at first and at last. */
const [shortestPause, longestPause] = [200, 5_000]

export interface PropagationOptions {
  /** `ADDRESS[:PORT]` of those that are asked; none: those that DNS says have the zone. */
  readonly servers?: readonly string[] | undefined
  /** DNS servers that are asked who they are; none: the system's. */
  readonly resolvers: readonly string[]
  /** ms that they have to say it. */
  readonly patience: number
  readonly signal: AbortSignal
}

/**
 * Resolves when every name server of a zone says the text: a CA asks any of them. One that does not answer at all is left out, for the
 * CA cannot ask it either.
 * @throws BerthError `unavailable` when they do not within their time
 */
export async function awaitText(
  { zone, name, text }: { readonly zone: string; readonly name: string; readonly text: string },
  { servers, resolvers, patience, signal }: PropagationOptions,
): Promise<void> {
  using late = deadline(patience, signal)
  for (let pause = shortestPause; ; pause = Math.min(pause * 1.5, longestPause)) {
    const { asked, problem } = servers ? { asked: servers, problem: null } : await serversOf(zone, resolvers)
    const said = await Promise.all(asked.map((server) => says(server, name, text)))
    const waiting = asked.filter((_, index) => said[index] === 'not')
    if (problem === null && waiting.length === 0 && said.includes('yes')) return
    const isOver = await sleep(pause, false, { signal: late.signal }).catch(() => true)
    if (signal.aborted) throw signal.reason
    if (!isOver) continue
    if (problem !== null)
      throw new BerthError(
        'unavailable',
        `it is not known which name servers ${zone} has: ${problem}`,
        'it is tried again later; BERTH_RESOLVERS says which DNS servers are asked',
      )
    const whose = waiting.length > 0 ? waiting.slice(0, 4).join(', ') : `the name servers of ${zone}`
    const what = waiting.length > 0 ? 'do not say yet what was set' : 'do not answer'
    throw new BerthError('unavailable', `${whose} ${what} at ${name}`, 'it is tried again later')
  }
}

/** What one of them says now; `away` where it does not answer. */
async function says(server: string, name: string, text: string): Promise<'yes' | 'not' | 'away'> {
  try {
    const texts = await ask([server]).resolveTxt(name)
    return texts.some((parts) => parts.join('') === text) ? 'yes' : 'not'
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    return ['ETIMEOUT', 'ECONNREFUSED', 'ECANCELLED', 'EBADRESP'].includes(code) ? 'away' : 'not'
  }
}

/** Name servers of a zone, and why not all of them are known, where DNS cannot be asked. */
interface Servers {
  readonly asked: readonly string[]
  readonly problem: string | null
}

/** Addresses of the name servers that a zone says it has. */
async function serversOf(zone: string, resolvers: readonly string[]): Promise<Servers> {
  const resolver = ask(resolvers)
  try {
    const names = await resolver.resolveNs(zone).catch(orNothing)
    const found = await Promise.all(
      names
        .slice(0, 16)
        .flatMap((name) => [resolver.resolve4(name).catch(orNothing), resolver.resolve6(name).catch(orNothing)]),
    )
    const asked = [...new Set(found.flat())].map((address) => (isIPv6(address) ? `[${address}]` : address))
    return { asked, problem: null }
  } catch (error) {
    return { asked: [], problem: messageOf(error) }
  }
}

/** DNS answers that there is nothing: that is known, then. */
function orNothing(error: unknown): [] {
  if (['ENOTFOUND', 'ENODATA'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
  throw error
}

/** One that remembers nothing of what it was told before. */
function ask(servers: readonly string[]): Resolver {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 })
  if (servers.length > 0) resolver.setServers(servers)
  return resolver
}
