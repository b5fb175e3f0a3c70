import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { codeOf, EngineError } from '../errors.js'
import type { PortRequest } from '../records.js'
import { parseAddress } from './ipv4.js'

/** A port of the host, held so that nobody else can bind it. */
export interface HeldPort extends PortRequest {
  release(): void
}

/**
 * Binds a port of the host without serving it: traffic is redirected before it gets there. Binding asks the kernel, so
 * one test covers other containers, other engines and every process, and choosing a free port (0) is atomic.
 * @throws EngineError `conflict` in dockerd's words, `invalid` for an address that is not IPv4
 */
export async function holdPort(request: PortRequest): Promise<HeldPort> {
  const host = request.hostIp === '' ? '0.0.0.0' : request.hostIp
  // A name would be looked up, and an IPv6 address has no way in: the networks are IPv4.
  if (parseAddress(host) === undefined)
    throw new EngineError('invalid', `invalid host IP ${JSON.stringify(host)}: not an IPv4 address`)
  const hold = request.protocol === 'tcp' ? holdTcp : holdUdp
  try {
    const { port, close } = await hold(request.hostPort, host)
    return { ...request, hostPort: port, release: close }
  } catch (error) {
    throw refusal(error, host, request)
  }
}

function refusal(error: unknown, host: string, request: PortRequest): EngineError {
  const code = codeOf(error)
  if (code === 'EADDRINUSE')
    return new EngineError('conflict', `Bind for ${host}:${request.hostPort} failed: port is already allocated`)
  const reason = code === 'EADDRNOTAVAIL' ? 'cannot assign requested address' : String(code)
  return new EngineError(
    'broken',
    `failed to bind host port for ${host}:${request.hostPort}/${request.protocol}: ${reason}`,
    error,
  )
}

async function holdTcp(port: number, host: string) {
  // Something comes through only while the port is not yet published, or no longer: refuse it as a closed port does.
  const server = createServer((socket) => socket.resetAndDestroy())
  server.listen({ port, host, exclusive: true })
  await once(server, 'listening')
  server.unref()
  const address = server.address()
  return { port: typeof address === 'object' && address ? address.port : port, close: () => void server.close() }
}

async function holdUdp(port: number, host: string) {
  const socket = createSocket('udp4')
  try {
    socket.bind({ port, address: host, exclusive: true })
    await once(socket, 'listening')
  } catch (error) {
    socket.close()
    throw error
  }
  socket.unref()
  return { port: socket.address().port, close: () => void socket.close() }
}
