import type { IncomingMessage, ServerResponse } from 'node:http'
import { networkInterfaces } from 'node:os'
import type { Config } from '../config.js'
import { BerthError } from '../errors.js'
import { callerUrl, cameByHttp } from './caller-url.js'
import { bodyOfFault, statusOfFault, toFault } from './faults.js'
import type { ControlApiDeps } from './platform.js'

/** What says nothing and asks for no token. */
const open = '/api/health'

/**
 * Whether a request is refused because it came by plain HTTP where HTTPS alone is wanted. What comes from this machine itself crosses
 * no network: it is let in, and so nobody is locked out by a certificate that has expired.
 */
export async function isBarred({ store }: ControlApiDeps, { url, headers }: IncomingMessage): Promise<boolean> {
  if (!cameByHttp(headers) || url === open || isOwn(headers['x-forwarded-for'])) return false
  return (await store.platform.choices()).https
}

/** An address of this machine. */
function isOwn(address: string | string[] | undefined): boolean {
  if (typeof address !== 'string') return false
  if (address === '::1' || /^127(\.\d{1,3}){3}$/.test(address)) return true
  return Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === address))
}

/** Why it is refused. A redirect would have the client send its token in the clear each time, and nobody notice. */
export const barred = ({ httpsUrl = '' }: Config): BerthError =>
  new BerthError(
    'denied',
    'this Berth is reached by HTTPS alone, and this request came over the network in the clear',
    `use ${httpsUrl} (\`berth login ${httpsUrl}\`); revoke the token, if one was sent: \`berth tokens:revoke\``,
  )

/** Lets a request in, or answers it: a person with a browser, who has sent no secret, is sent on; all others are told why not. */
export async function admit(
  platform: ControlApiDeps,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  try {
    if (!(await isBarred(platform, request))) return true
    if (!sendOn(platform.config, request, response)) refuse(request, response, barred(platform.config))
  } catch (error) {
    refuse(request, response, toFault(error, platform.store.redis))
  }
  return false
}

function sendOn(
  config: Config,
  { method = '', headers, url = '/' }: IncomingMessage,
  response: ServerResponse,
): boolean {
  const isBrowser = headers.accept?.includes('text/html') === true && headers.authorization === undefined
  if (!isBrowser || (method !== 'GET' && method !== 'HEAD')) return false
  const location = `${config.httpsUrl ?? callerUrl(config, headers)}${url.startsWith('/') ? url : '/'}`
  response.writeHead(307, { Location: location, 'Content-Length': 0, 'Cache-Control': 'no-store' }).end()
  return true
}

function refuse({ url = '/' }: IncomingMessage, response: ServerResponse, fault: BerthError): void {
  const isApi = /^\/api(?:[/?]|$)/.test(url)
  const body = isApi ? JSON.stringify(bodyOfFault(fault)) : `${fault.message}\n${fault.hint ?? ''}\n`
  response
    .writeHead(statusOfFault(fault), {
      'Content-Type': `${isApi ? 'application/json' : 'text/plain'}; charset=utf-8`,
      'Content-Length': Buffer.byteLength(body),
      Connection: 'close',
    })
    .end(body)
}
