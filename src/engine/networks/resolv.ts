import { readFile } from 'node:fs/promises'

/** What a container's resolver is told besides, or instead of, what the host's is. */
export interface Resolution {
  readonly servers?: readonly string[]
  readonly search?: readonly string[]
  readonly options?: readonly string[]
}

/** Where systemd-resolved keeps the servers behind its stub on 127.0.0.53. */
const behindStub = '/run/systemd/resolve/resolv.conf'

/** dockerd's last resort, when the host resolves by a server of its own on the loopback and names no other. */
const lastResort = ['8.8.8.8', '8.8.4.4']

/**
 * The text of `/etc/resolv.conf` for a container on a bridge network: the host's, but for name servers on the loopback,
 * which a container cannot reach.
 */
export async function resolvConf(resolution: Resolution = {}, path = '/etc/resolv.conf'): Promise<string> {
  const host = parse(await read(path))
  const reachable = usable(host.servers)
  const servers =
    reachable.length > 0 || host.servers.length === 0 ? reachable : usable(parse(await read(behindStub)).servers)
  const search = nonEmpty(resolution.search) ?? host.search
  const options = nonEmpty(resolution.options) ?? host.options
  return [
    ...(nonEmpty(resolution.servers) ?? nonEmpty(servers) ?? lastResort).map((server) => `nameserver ${server}`),
    // `--dns-search .` asks for no search list
    ...(search.length > 0 && search[0] !== '.' ? [`search ${search.join(' ')}`] : []),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
    '',
  ].join('\n')
}

const nonEmpty = <T>(list: readonly T[] | undefined): readonly T[] | undefined => (list?.length ? list : undefined)

// Networks are IPv4: a name server with an IPv6 address cannot be reached either.
const usable = (servers: readonly string[]): readonly string[] =>
  servers.filter((server) => !server.startsWith('127.') && !server.includes(':'))

const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '')

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
