import { Resolver } from 'node:dns/promises'
import { BerthError, messageOf } from '../../errors.js'

/** That there is none, or nothing at all by that name. */
const none = new Set(['ENOTFOUND', 'ENODATA'])

/**
 * What a name is an alias of (CNAME, RFC 1034 §3.6.2); null: of none.
 * @param servers `ADDRESS[:PORT]` of those that are asked; none: the system's
 * @throws BerthError `unavailable` where it cannot be said
 */
export async function aliasOf(name: string, servers: readonly string[]): Promise<string | null> {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 })
  if (servers.length > 0) resolver.setServers(servers)
  try {
    const [target] = await resolver.resolveCname(name)
    return target === undefined ? null : target.toLowerCase().replace(/\.$/, '')
  } catch (error) {
    if (none.has((error as NodeJS.ErrnoException).code ?? '')) return null
    throw new BerthError(
      'unavailable',
      `DNS does not say whether ${name} leads elsewhere: ${messageOf(error)}`,
      'it is tried again later; BERTH_RESOLVERS says which DNS servers are asked',
      error,
    )
  }
}
