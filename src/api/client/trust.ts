import { readFile } from 'node:fs/promises'
import { BerthError, messageOf } from '../../errors.js'
import type { Access } from './access.js'

/** What TLS says of a certificate that nobody known vouches for. */
const unvouched: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? ''

/** PEM of those who are believed; what Node.js brings along where it says nothing. */
export interface Trust {
  readonly ca?: string[]
}

/** A server was not believed without the system's list in this process before. */
let asksSystem = false

/**
 * Connects with those believed who vouch for the server: whom `berth login --ca` has kept, or whom Node.js knows, NODE_EXTRA_CA_CERTS
 * among them. Where that is not enough, once more with the system's list, which takes a tenth of a second to read.
 * @param attempt connects; it is called again only when the handshake has failed, with nothing sent
 */
export async function trusting<T>({ url, ca }: Access, attempt: (trust: Trust) => Promise<T>): Promise<T> {
  if (!url.startsWith('https:')) return attempt({})
  const own = ca === undefined ? [] : [await read(ca)]
  try {
    if (!asksSystem) return await attempt(own.length > 0 ? { ca: own } : {})
  } catch (error) {
    if (!unvouched.has(codeOf(error))) throw error
  }
  asksSystem = true
  const { getCACertificates } = await import('node:tls')
  return attempt({ ca: [...new Set([...getCACertificates('default'), ...getCACertificates('system'), ...own])] })
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const hint = '`berth login URL --ca FILE` says anew whom to believe'
    throw new BerthError('invalid', `${file} cannot be read`, `${messageOf(error)}; ${hint}`, error)
  }
}

/** Why a handshake failed, in words; undefined when that is not what happened. */
export function distrust(url: string, cause: unknown): BerthError | undefined {
  const code = codeOf(cause)
  const say = (message: string, hint: string): BerthError => new BerthError('unavailable', message, hint, cause)
  const onServer =
    '`berth certs:auto on --platform` on the server has one ordered, `berth certs:add --platform` brings one'
  if (unvouched.has(code))
    return say(
      `${url} shows a certificate that nobody vouches for whom this machine believes`,
      `${onServer}; a CA of your own: \`berth login ${url} --ca FILE\`, or NODE_EXTRA_CA_CERTS=FILE`,
    )
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return say(`${url} shows a certificate for another hostname`, onServer)
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    const when = code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet'
    return say(`the certificate of ${url} ${when}, by the clock of this machine`, `see \`date\` here; ${onServer}`)
  }
  // what answers a greeting of TLS with something else
  if (code === 'EPROTO' || code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG')
    return say(
      `what listens at ${url} does not speak HTTPS`,
      'is it the port of plain HTTP? See BERTH_HTTPS_PORT there',
    )
  return undefined
}
