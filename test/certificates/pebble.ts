import { once, type EventEmitter } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { startDaemon } from '../daemon.js'
import { freePort } from '../free.js'
import { Authority } from './authority.js'

/** A real CA on loopback: pebble(1), which is there to be hard on its clients. */
export interface Pebble extends AsyncDisposable {
  /** URL of its directory. */
  readonly directory: string
  /** PEM that its own certificate is to be trusted by. */
  readonly ca: string
  /** What it has logged; `line` is emitted with each. */
  readonly log: readonly string[]
  readonly lines: EventEmitter
  /** How many certificates it has issued. */
  issued(): number
  /** PEM of the root that what it issues is to be trusted by. */
  root(): Promise<string>
}

export interface PebbleOptions {
  /** Where it asks what http-01 is answered with. */
  readonly httpPort: number
  /** Where it looks at handshakes for tls-alpn-01; default nowhere. */
  readonly tlsPort?: number
  /** `ADDRESS:PORT` of the DNS server that it asks. */
  readonly dns: string
  /** Of a hundred good nonces, how many it refuses. */
  readonly refuses?: number
  /** It takes accounts that are bound to this one alone: kid and key. */
  readonly external?: { readonly kid: string; readonly hmac: string }
}

export async function startPebble({
  httpPort,
  tlsPort: given,
  dns,
  refuses = 0,
  external,
}: PebbleOptions): Promise<Pebble> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-pebble-'))
  await using authority = await Authority.open()
  const own = await authority.issue(null, { names: ['localhost'], subject: '/CN=localhost', authority: true })
  const [port, management, tlsPort] = [await freePort(), await freePort(), given ?? (await freePort())]
  const config = {
    listenAddress: `127.0.0.1:${String(port)}`,
    managementListenAddress: `127.0.0.1:${String(management)}`,
    certificate: join(dir, 'cert.pem'),
    privateKey: join(dir, 'key.pem'),
    ...{ httpPort, tlsPort, ocspResponderURL: '' },
    externalAccountBindingRequired: external !== undefined,
    ...(external === undefined ? {} : { externalAccountMACKeys: { [external.kid]: external.hmac } }),
  }
  await writeFile(join(dir, 'cert.pem'), own.cert)
  await writeFile(join(dir, 'key.pem'), own.key)
  await writeFile(join(dir, 'config.json'), JSON.stringify({ pebble: config }))
  const env = {
    PATH: process.env.PATH,
    PEBBLE_VA_NOSLEEP: '1',
    PEBBLE_WFE_NONCEREJECT: String(refuses),
    PEBBLE_AUTHZREUSE: '0',
  }
  const program = process.env.BERTH_PEBBLE ?? 'pebble'
  const args = ['-config', join(dir, 'config.json'), '-dnsserver', dns, '-strict']
  const daemon = await startDaemon(program, args, { ready: 'ACME directory available at', dir, env })
  return {
    directory: `https://localhost:${String(port)}/dir`,
    ca: own.cert,
    log: daemon.log,
    lines: daemon.lines,
    root: async () => {
      const options = { host: 'localhost', port: management, path: '/roots/0', ca: own.cert, agent: false } as const
      const [answer] = (await once(get(options), 'response')) as [IncomingMessage]
      return text(answer)
    },
    issued: () => daemon.log.filter((line) => line.includes('Issued certificate serial')).length,
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  }
}
