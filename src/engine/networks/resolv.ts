import { readFile } from 'node:fs/promises'
import { resolverAddress } from './resolver.js'
import { orMissing } from '../system/missing.js'

/** What a container's resolver is told besides, or instead of, what the host's is. */
export interface Resolution {
  readonly servers?: readonly string[]
  readonly search?: readonly string[]
  readonly options?: readonly string[]
}

/**
 * Whom a container asks: the host's servers as they are (`host`), those it can reach itself (`bridge`), or the engine's
 * own, which knows the members of its networks (`names`).
 */
export type Asking = 'host' | 'bridge' | 'names'

/** Where systemd-resolved keeps the servers behind its stub on 127.0.0.53. */
const behindStub = '/run/systemd/resolve/resolv.conf'

/** dockerd's last resort, when the host resolves by a server of its own on the loopback and names no other. */
const lastResort = ['8.8.8.8', '8.8.4.4']

/** The host's name servers, those on its loopback included: for who asks from the host. */
export const hostServers = async (path = '/etc/resolv.conf'): Promise<readonly string[]> =>
  parse(await read(path)).servers

/** The text of `/etc/resolv.conf` for a container. */
export async function resolvConf(
  resolution: Resolution = {},
  asking: Asking = 'bridge',
  path = '/etc/resolv.conf',
): Promise<string> {
  const text = await read(path)
  const host = parse(text)
  const own = [resolution.servers, resolution.search, resolution.options].some((list) => nonEmpty(list))
  if (asking === 'host' && !own) return text
  const servers =
    asking === 'names'
      ? [resolverAddress]
      : (nonEmpty(resolution.servers) ?? (asking === 'host' ? host.servers : await reachable(host.servers)))
  const search = nonEmpty(resolution.search) ?? host.search
  const options = nonEmpty(resolution.options) ?? host.options
  // a member's name has no dot, and is to be asked for as it is first
  const dots = asking === 'names' && !options.some((option) => option.startsWith('ndots:')) ? ['ndots:0'] : []
  return [
    // `--dns-search .` asks for no search list
    ...(search.length > 0 && search[0] !== '.' ? [`search ${search.join(' ')}`] : []),
    ...servers.map((server) => `nameserver ${server}`),
    ...(options.length + dots.length > 0 ? [`options ${[...options, ...dots].join(' ')}`] : []),
    '',
  ].join('\n')
}

const nonEmpty = <T>(list: readonly T[] | undefined): readonly T[] | undefined => (list?.length ? list : undefined)

/** But for name servers on the loopback, which a container cannot reach. */
async function reachable(servers: readonly string[]): Promise<readonly string[]> {
  const some = usable(servers)
  const found = some.length > 0 || servers.length === 0 ? some : usable(parse(await read(behindStub)).servers)
  return nonEmpty(found) ?? lastResort
}

// The default bridge is IPv4: a name server with an IPv6 address cannot be reached either.
const usable = (servers: readonly string[]): readonly string[] =>
  servers.filter((server) => !server.startsWith('127.') && !server.includes(':'))

const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(orMissing(''))

function parse(text: string) {
  const lines = text.split('\n').map((line) =>
    line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/),
  )
  const values = (key: string): readonly string[] => lines.filter(([first]) => first === key).flatMap((l) => l.slice(1))
  return {
    servers: values('nameserver'),
    search: nonEmpty(values('search')) ?? values('domain'),
    options: values('options'),
  }
}
