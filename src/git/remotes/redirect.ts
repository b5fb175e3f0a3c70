import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { pinned } from '../../lib/private-address.js'
import type { Connection } from './run.js'

/** What git asks first of a repository. */
const advertisement = '/info/refs?service=git-upload-pack'

/**
 * Where a repository has moved to, as its server says when it is asked as git asks; null when it does not say, or says what is
 * not a repository's place. No password is sent. Whoever goes there looks at it as at any other URL.
 */
export async function whereto(connection: Connection, signal: AbortSignal): Promise<URL | null> {
  const { url } = connection
  const asked = new URL(`${url.href.replace(/\/+$/, '')}${advertisement}`)
  const ask = url.protocol === 'https:' ? requestHttps : requestHttp
  const location = await new Promise<string | undefined>((resolve, reject) => {
    ask(asked, { lookup: pinned(connection.addresses), agent: false, signal, headers: { 'User-Agent': 'git/berth' } })
      .once('response', (response) => {
        response.destroy()
        resolve(response.headers.location)
      })
      .once('error', reject)
      .end()
  }).catch(() => undefined)
  if (location === undefined || !URL.canParse(location, asked.href)) return null
  const to = new URL(location, asked.href)
  const path = to.pathname.replace(/\/info\/refs$/, '')
  const safe = to.protocol === 'https:' || (to.protocol === 'http:' && url.protocol === 'http:')
  if (!safe || path === to.pathname) return null
  return new URL(path, to.origin)
}
