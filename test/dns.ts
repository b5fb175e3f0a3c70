import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from './free.js'

/** A real DNS server on loopback that knows these zones: knotd(8). */
export interface DnsServer extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly address: string
}

/** Configuration of knotd(8) by which a key may change TXT records below `_acme-challenge`, and nothing else. */
const updatesBy = ({ name, secret }: { readonly name: string; readonly secret: string }): string[] => [
  ...['key:', `  - id: ${name}`, '    algorithm: hmac-sha256', `    secret: ${secret}`],
  ...['acl:', '  - id: challenges', `    key: ${name}`, '    action: update', '    update-type: [TXT]'],
  ...['    update-owner: name', '    update-owner-match: sub-or-equal', '    update-owner-name: [_acme-challenge]'],
]

/**
 * @param zones `example.org` -> lines of a zone file, without its SOA and NS
 * @param key with which TXT records below `_acme-challenge` may be changed (hmac-sha256)
 */
export async function startDns(
  zones: Readonly<Record<string, readonly string[]>>,
  key?: { readonly name: string; readonly secret: string },
): Promise<DnsServer> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-dns-'))
  const port = await freePort()
  const address = `127.0.0.1:${String(port)}`
  for (const [zone, lines] of Object.entries(zones))
    await writeFile(
      join(dir, zone),
      [`@ 60 SOA ns hostmaster 1 60 60 60 60`, `@ 60 NS ns`, `ns 60 A 127.0.0.1`, ...lines, ''].join('\n'),
    )
  const config = [
    ...['server:', `  rundir: ${dir}`, `  listen: 127.0.0.1@${String(port)}`],
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
  const child = spawn('/usr/sbin/knotd', ['-c', join(dir, 'knot.conf')], { stdio: ['ignore', 'ignore', 'pipe'] })
  const said: string[] = []
  const started = new Promise<void>((resolve, reject) => {
    createInterface(child.stderr).on('line', (line) => {
      said.push(line)
      if (line.includes('server started')) resolve()
    })
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`knotd ended:\n${said.join('\n')}`)))
  })
  const dispose = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await once(child, 'exit')
    await rm(dir, { recursive: true, force: true })
  }
  try {
    await started
  } catch (error) {
    await dispose()
    throw error
  }
  return { address, [Symbol.asyncDispose]: dispose }
}
