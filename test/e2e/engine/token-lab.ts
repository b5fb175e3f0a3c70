import { createPrivateKey, randomUUID, sign } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { must } from '../../run.js'
import type { DockerEngine } from './harness.js'
import { listen, type Place } from './registry-lab.js'

/** A token server as the distribution project specifies it: everybody who is known may do everything, others nothing. */
export interface Tokens extends Place {
  /** `auth` of a docker-registry that sends for tokens here. */
  readonly configuration: string
  /** Scopes asked for, in order. */
  scopes(): readonly string[]
  /** How often a token was got for the refresh token. */
  refreshed(): number
}

/** @param refresh what is given as refresh token; none when absent */
export async function openTokens(
  dir: string,
  engine: DockerEngine,
  users: Readonly<Record<string, string>>,
  refresh?: string,
): Promise<Tokens> {
  const [key, cert] = ['token.key', 'token.crt'].map((name) => join(dir, name)) as [string, string]
  const subject = ['-subj', '/CN=tokens', '-keyout', key, '-out', cert]
  await must('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject])
  const secret = createPrivateKey(await readFile(key))
  const chain = (await readFile(cert, 'utf8')).replace(/-----[A-Z ]+-----|\s/g, '')
  const scopes: string[] = []
  let refreshed = 0

  const issue = (wanted: readonly string[], subject: string): string => {
    const now = Math.floor(Date.now() / 1000)
    const access = wanted.filter(Boolean).map((scope) => {
      const [type, name, actions = ''] = scope.split(':')
      return { type, name, actions: subject === '' ? [] : actions.split(',') }
    })
    const times = { iat: now - 10, nbf: now - 10, exp: now + 300 }
    const claims = { iss: 'tokens', sub: subject, aud: 'registry', jti: randomUUID(), access, ...times }
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const body = `${encode({ typ: 'JWT', alg: 'RS256', x5c: [chain] })}.${encode(claims)}`
    return `${body}.${sign('sha256', Buffer.from(body), secret).toString('base64url')}`
  }

  const serve = async (from: IncomingMessage, to: ServerResponse) => {
    const url = new URL(from.url ?? '/', 'http://tokens')
    let wanted = url.searchParams.getAll('scope')
    let who = ''
    if (from.method === 'POST') {
      const chunks: Buffer[] = []
      for await (const chunk of from) chunks.push(chunk as Buffer)
      const form = new URLSearchParams(Buffer.concat(chunks).toString())
      wanted = (form.get('scope') ?? '').split(' ')
      const good =
        form.get('grant_type') === 'refresh_token'
          ? form.get('refresh_token') === refresh
          : users[form.get('username') ?? ''] === form.get('password')
      who = good ? 'me' : '?'
      refreshed++
    } else if (from.headers.authorization?.startsWith('Basic ')) {
      const [name = '', password] = Buffer.from(from.headers.authorization.slice(6), 'base64').toString().split(':')
      who = users[name] === password ? name : '?'
    }
    scopes.push(...wanted)
    if (who === '?') {
      const errors = [{ code: 'UNAUTHORIZED', message: 'incorrect username or password' }]
      to.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify({ errors }))
      return
    }
    const token = issue(wanted, who)
    const offline = url.searchParams.get('offline_token') === 'true' && refresh !== undefined && who !== ''
    to.writeHead(200, { 'content-type': 'application/json' }).end(
      JSON.stringify({ token, access_token: token, expires_in: 300, ...(offline ? { refresh_token: refresh } : {}) }),
    )
  }
  const place = await listen((from, to) => void serve(from, to), engine)
  const realm = `http://${place.host}/token`
  return {
    ...place,
    configuration: `auth: {token: {realm: "${realm}", service: registry, issuer: tokens, rootcertbundle: "${cert}"}}`,
    scopes: () => scopes,
    refreshed: () => refreshed,
  }
}
