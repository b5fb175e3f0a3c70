import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { isIP, Socket } from 'node:net'
import { EngineError } from '../errors.js'
import { connected, type Outlet } from '../system/dial.js'
import { https, tls } from '../system/tls.js'

/** From the host's own network: for what its owner asks for. */
export const fromHost: Outlet = {
  connect: (host, port, signal) => connected(new Socket(), host, port, signal),
}

/** As browsers and Go do. */
const mostRedirects = 20
/** A server that says nothing for this long is given up. Milliseconds. */
const idleMs = 300_000

/**
 * GETs a URL from a build's network: whatever a name, a redirect or a server's name leads to, the build reaches no more by
 * this than its RUN steps do, for it is the connection that is made there, not an address that is judged here.
 * @returns the answer, its body not read yet
 * @throws EngineError `invalid` for what cannot be asked for, or NodeJS.ErrnoException
 */
export async function get(address: string, outlet: Outlet, signal: AbortSignal): Promise<IncomingMessage> {
  let url = new URL(address)
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const answer = await getOnce(url, outlet, signal)
    const { statusCode = 0, headers } = answer
    if (![301, 302, 303, 307, 308].includes(statusCode) || headers.location === undefined) return answer
    answer.destroy()
    url = next(headers.location, url)
  }
  throw new EngineError('invalid', `failed to GET ${address}: more than ${mostRedirects} redirects`)
}

function next(location: string, base: URL): URL {
  const url = URL.canParse(location, base.href) ? new URL(location, base) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw new EngineError('invalid', `failed to GET ${base.href}: it is redirected to ${JSON.stringify(location)}`)
}

async function getOnce(url: URL, outlet: Outlet, signal: AbortSignal): Promise<IncomingMessage> {
  const socket = await dial(url, outlet, signal)
  try {
    const options = {
      // as it is: a tarball that the server says is gzip-encoded is a gzip file
      headers: { 'accept-encoding': 'identity', connection: 'close' },
      createConnection: () => socket,
      signal,
    }
    const request = (url.protocol === 'https:' ? https().request : httpRequest)(url, options)
    request.setTimeout(idleMs, () => request.destroy(new Error(`no answer for ${idleMs / 1000} s`)))
    request.end()
    request.on('error', () => undefined) // the answer tells of what comes later
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    return answer
  } catch (error) {
    socket.destroy()
    throw error
  }
}

async function dial(url: URL, outlet: Outlet, signal: AbortSignal): Promise<Socket> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
  const socket = await outlet.connect(host, port, signal)
  return url.protocol === 'https:' ? secure(socket, host, signal) : socket
}

async function secure(socket: Socket, host: string, signal: AbortSignal): Promise<Socket> {
  const secured = tls().connect({ socket, host, ...(isIP(host) ? {} : { servername: host }) })
  try {
    await once(secured, 'secureConnect', { signal })
    return secured
  } catch (error) {
    secured.destroy()
    throw error
  }
}
