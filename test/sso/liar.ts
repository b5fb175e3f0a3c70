import { generateKeyPairSync, createHmac, sign, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { clientId } from './provider.js'

type Json = Readonly<Record<string, unknown>>

/** What an issuer that is not honest does otherwise than it should. */
export interface Lies {
  /** Of its metadata. */
  readonly metadata?: Json
  /** Of the token's claims; undefined takes one away. */
  readonly claims?: Json
  readonly header?: Json
  /** How the token is signed; default as it should be. */
  readonly signature?: 'none' | 'another-key' | 'hmac' | 'garbled'
  /** Beside the code, on the way back. */
  readonly back?: Readonly<Record<string, string>>
  /** Instead of an answer to what is asked at a path. */
  readonly instead?: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>>
}

/** An issuer that speaks OpenID Connect, and lies as it is told. */
export interface Liar extends AsyncDisposable {
  readonly issuer: string
  readonly port: number
  lies: Lies
  /** Paths that were asked. */
  readonly asked: string[]
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const pair = () => generateKeyPairSync('rsa', { modulusLength: 2_048 })

function signed(
  input: string,
  how: Lies['signature'],
  keys: { own: KeyObject; other: KeyObject; pem: string },
): string {
  if (how === 'none') return ''
  if (how === 'hmac') return createHmac('sha256', keys.pem).update(input).digest('base64url')
  const signature = sign('sha256', Buffer.from(input), how === 'another-key' ? keys.other : keys.own)
  if (how === 'garbled') signature[10] = (signature[10] ?? 0) ^ 1
  return signature.toString('base64url')
}

export async function lyingIssuer(): Promise<Liar> {
  const { privateKey: own, publicKey } = pair()
  const { privateKey: other } = pair()
  const keys = { own, other, pem: publicKey.export({ type: 'spki', format: 'pem' }).toString() }
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'RS256', use: 'sig' }
  const nonces = new Map<string, string>()
  const json = (response: ServerResponse, value: unknown): void =>
    void response.setHeader('content-type', 'application/json').end(JSON.stringify(value))
  const token = (nonce: string): string => {
    const now = Math.floor(Date.now() / 1000)
    const claims = { iss: liar.issuer, sub: 'ann', aud: clientId, iat: now, exp: now + 60, nonce, ...liar.lies.claims }
    const input = `${encode({ alg: 'RS256', kid: 'k', ...liar.lies.header })}.${encode(claims)}`
    return `${input}.${signed(input, liar.lies.signature, keys)}`
  }
  const answers: Readonly<Record<string, (url: URL, request: IncomingMessage, response: ServerResponse) => void>> = {
    '/.well-known/openid-configuration': (_, __, response) =>
      json(response, {
        ...{ issuer: liar.issuer, authorization_endpoint: `${liar.issuer}/authorize` },
        ...{ token_endpoint: `${liar.issuer}/token`, jwks_uri: `${liar.issuer}/jwks` },
        ...{ response_types_supported: ['code'], subject_types_supported: ['public'] },
        ...liar.lies.metadata,
      }),
    '/jwks': (_, __, response) => json(response, { keys: [jwk] }),
    '/authorize': ({ searchParams: asked }, _, response) => {
      nonces.set('the-code', asked.get('nonce') ?? '')
      const back = new URL(asked.get('redirect_uri') ?? '')
      const said = { code: 'the-code', state: asked.get('state') ?? '', ...liar.lies.back }
      for (const [name, value] of Object.entries(said)) back.searchParams.set(name, value)
      response.writeHead(302, { location: back.href }).end()
    },
    '/token': (_, request, response) =>
      void text(request).then(() =>
        json(response, { access_token: 'a', token_type: 'Bearer', id_token: token(nonces.get('the-code') ?? '') }),
      ),
  }
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', liar.issuer)
    liar.asked.push(url.pathname)
    const instead = liar.lies.instead?.[url.pathname]
    if (instead) instead(request, response)
    else if (answers[url.pathname]) answers[url.pathname]?.(url, request, response)
    else response.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const liar: Liar = {
    issuer: `http://127.0.0.1:${String(port)}`,
    port,
    lies: {},
    asked: [],
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
  return liar
}
