import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { coversHost } from '../store/certificates.js'
import { normaliseHost } from './host.js'

/** A connection whose handshake is over. */
type Shaken = Pick<TLSSocket, 'getX509Certificate'> & { readonly servername: string | false | null }

const covers = (certificate: X509Certificate, host: string): boolean =>
  certificate.checkHost(host, { subject: 'never' }) !== undefined

/**
 * Whether a request came over a connection that was not made for its host (RFC 9110 §15.5.20): its client asked for another name, and
 * was shown a certificate that vouches for that one alone. A browser takes a connection for all hosts that its certificate is
 * good for, and makes one anew where it is told so. Who named no host, or went on with a certificate that is good for
 * nothing (the self-signed one), has verified none, and is served.
 */
export function isMisdirected(socket: Socket | Shaken, host: string): boolean {
  const { servername } = socket as Partial<Shaken>
  if (typeof servername !== 'string' || servername === '') return false
  const named = normaliseHost(servername)
  if (named === null || named === host) return false
  const shown = (socket as Shaken).getX509Certificate()
  return shown !== undefined && covers(shown, named) && !covers(shown, host)
}

/**
 * The same of a connection whose handshake was a data plane's, by the name that its client asked that for.
 * @param namesFor of the certificate that is shown for a name
 */
export function isMisled(
  servername: string,
  host: string,
  namesFor: (servername: string) => readonly string[] | undefined,
): boolean {
  const named = normaliseHost(servername)
  if (named === null || named === host) return false
  const names = namesFor(servername)
  return names !== undefined && !names.some((name) => coversHost(name, host))
}
