import type { DomainCheck, DomainInfo } from '../api/contract.js'
import { formatExpiry } from './certs.js'
import { fields, formatTime, heading, print, printJson, say } from './output.js'
import { openSession, type JsonOptions } from './session.js'

/** How it is with the certificate of a hostname, in words. */
export function certified({
  certificate,
  order,
  unordered,
}: Pick<DomainInfo, 'certificate' | 'order' | 'unordered'>): string {
  const shown = certificate === null ? 'no certificate' : `certificate until ${formatExpiry(certificate.notAfter)}`
  if (order !== null && order.failures > 0)
    return `${shown}; FAILED ${order.failures} times, by ${order.ca} last, again at ${formatTime(order.next)}: ${order.failure ?? ''}`
  if (order !== null && certificate === null) return `${shown} yet: it is being ordered`
  return certificate === null && unordered !== null ? `${shown}: ${unordered}` : shown
}

/** Berth's own hostname. */
export async function showPlatform({ json }: JsonOptions): Promise<void> {
  const { client } = await openSession()
  const one = await client.platform.info({})
  if (json) {
    printJson(one)
    return
  }
  const plain = one.url.startsWith('http:') ? one.url : 'served, too'
  print(heading('Berth'))
  print(
    fields([
      ['Hostname', one.host],
      ['HTTPS', one.httpsUrl ?? 'not served: see BERTH_HTTPS_PORT'],
      ['Plain HTTP', one.https ? 'refused, but from this machine itself' : plain],
      ['Certificate', certified(one)],
    ]),
  )
}

/** Where DNS leads Berth's own hostname. */
export async function checkPlatform(): Promise<DomainCheck[]> {
  const { client } = await openSession()
  return client.platform.check({})
}

/** Has Berth itself take HTTPS alone, or plain HTTP, too. */
export async function setPlatformHttps(https: boolean, { json }: JsonOptions): Promise<void> {
  const { client } = await openSession()
  const done = await client.platform.https({ https })
  if (json) printJson(done)
  else say(`Git, API and command line come by ${done.https ? 'HTTPS alone' : 'plain HTTP, too'}`)
}
