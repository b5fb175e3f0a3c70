import { randomInt } from 'node:crypto'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDaemon } from './daemon.js'
import { freePort } from './free.js'

/** A real DNS server on loopback that knows these zones: knotd(8). */
export interface DnsServer extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly address: string
}

/** Port 53 of an address of loopback that is nobody else's, as `listen` has it: name servers have no other port. */
export const freeListen = (): string =>
  `127.${String(randomInt(20, 250))}.${String(randomInt(256))}.${String(randomInt(1, 255))}@53`

/** Configuration of knotd(8) by which a key may change TXT records below `_acme-challenge`, and nothing else. */
const updatesBy = ({ name, secret }: { readonly name: string; readonly secret: string }): string[] => [
  ...['key:', `  - id: ${name}`, '    algorithm: hmac-sha256', `    secret: ${secret}`],
  ...['acl:', '  - id: challenges', `    key: ${name}`, '    action: update', '    update-type: [TXT]'],
  ...['    update-owner: name', '    update-owner-match: sub-or-equal', '    update-owner-name: [_acme-challenge]'],
]

/**
 * @param zones `example.org` -> lines of a zone file, without its SOA and NS
 * @param key with which TXT records below `_acme-challenge` may be changed (hmac-sha256)
 * @param listen `ADDRESS@PORT` of loopback; default a free port
 */
export async function startDns(
  zones: Readonly<Record<string, readonly string[]>>,
  key?: { readonly name: string; readonly secret: string },
  listen?: string,
): Promise<DnsServer> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-dns-'))
  const at = listen ?? `127.0.0.1@${String(await freePort())}`
  const address = at.replace('@', ':')
  for (const [zone, lines] of Object.entries(zones))
    await writeFile(
      join(dir, zone),
      [`@ 60 SOA ns hostmaster 1 60 60 60 60`, `@ 60 NS ns`, `ns 60 A ${at.replace(/@.*/, '')}`, ...lines, ''].join(
        '\n',
      ),
    )
  const config = [
    ...['server:', `  rundir: ${dir}`, `  listen: ${at}`],
    ...['  udp-workers: 1', '  tcp-workers: 1', '  background-workers: 1'],
    ...['database:', `  storage: ${dir}`],
    ...['log:', '  - target: stderr', '    any: info'],
    ...(key ? updatesBy(key) : []),
    ...[
      'template:',
      '  - id: default',
      `    storage: ${dir}`,
      '    file: "%s"',
      '    zonefile-sync: -1',
      '    zonefile-load: whole',
    ],
    ...[
      'zone:',
      ...Object.keys(zones).flatMap((zone) => [`  - domain: ${zone}`, ...(key ? ['    acl: challenges'] : [])]),
    ],
  ]
  await writeFile(join(dir, 'knot.conf'), `${config.join('\n')}\n`)
  const daemon = await startDaemon('/usr/sbin/knotd', ['-c', join(dir, 'knot.conf')], { ready: 'server started', dir })
  return { address, [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose]() }
}
