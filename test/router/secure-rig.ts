import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect as connectHttp2, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2'
import { get, type Agent } from 'node:https'
import { text } from 'node:stream/consumers'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { selfSigned } from '../../src/router/self-signed.js'
import { ShownCertificates } from '../../src/router/shown.js'
import type { Certificate } from '../../src/store/certificates.js'
import { router, type RouterOptions, type TestRouter } from './parts.js'

export const certificate = (id: string, names: readonly string[], app: string | null = null): Certificate => ({
  ...selfSigned(names[0] ?? ''),
  ...{ id, names, app, source: 'own', notBefore: 0, notAfter: Date.now() + 86_400_000 },
})

export const fallback = selfSigned('berth.test')
export const tickets = Buffer.alloc(48, 7)

/** A router that speaks TLS alone, and its certificates. */
export async function secure(options: RouterOptions = {}) {
  let owners: ReadonlyMap<string, string> = new Map()
  const certificates = new ShownCertificates((host) => owners.get(host) ?? null)
  const listeners = [{ scheme: 'https', port: 443 }] as const
  const front = await router({ listeners, secrets: { certificates, fallback, tickets }, ...options })
  return {
    front,
    certificates,
    owners: (of: Record<string, string>) => {
      owners = new Map(Object.entries(of))
      certificates.forget()
    },
    [Symbol.asyncDispose]: () => front[Symbol.asyncDispose](),
  }
}

/** Shakes hands. */
export async function greet(front: TestRouter, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ port: front.port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  socket.on('error', () => undefined)
  await once(socket, 'secureConnect')
  return socket
}

/** The name in the certificate that is shown. */
export async function shown(front: TestRouter, servername?: string): Promise<string> {
  const socket = await greet(front, servername === undefined ? {} : { servername })
  const { subject } = socket.getPeerCertificate()
  socket.destroy()
  return String(subject.CN)
}

export const ask = async (front: TestRouter, host: string, agent: Agent | false = false) => {
  const options = { port: front.port, host: '127.0.0.1', agent, rejectUnauthorized: false, headers: { host } }
  const [answer] = (await once(get(options), 'response')) as [IncomingMessage]
  return { status: answer.statusCode, headers: answer.headers, body: await text(answer) }
}

export const session = (front: TestRouter): ClientHttp2Session =>
  connectHttp2(`https://127.0.0.1:${front.port}`, { rejectUnauthorized: false, servername: 'blog.test' }).on(
    'error',
    () => undefined,
  )

/** Asks over HTTP/2. */
export async function stream(over: ClientHttp2Session, headers: Record<string, string | string[]> = {}, sent?: string) {
  const one = over.request({ ':authority': 'blog.test', ...headers }, { endStream: sent === undefined })
  if (sent !== undefined) one.end(sent)
  const [[lines], body] = await Promise.all([
    once(one, 'response') as Promise<[IncomingHttpHeaders & { ':status': number }]>,
    text(one),
  ])
  return { status: lines[':status'], headers: lines, body }
}
