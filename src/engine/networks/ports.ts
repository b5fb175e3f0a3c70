import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { codeOf, EngineError, isFault } from '../errors.js'
import type { PortRequest } from '../records.js'
import { familyOf, parseAddress } from '../kernel/ip.js'
import { relayTcp, relayUdp, type RelayTarget } from './relay.js'

/** A port of the host, held so that nobody else can bind it. */
export interface HeldPort extends PortRequest {
  release(): void
}

/** How often a port that is free in one family alone is given up for another. */
const attempts = 20

/**
 * Holds a port as asked for: on one address, or on every one of IPv4 and, where the host has it, IPv6; the port itself,
 * any free one, or any free one of a range. What comes in by IPv6 that the firewall leaves is relayed to the target.
 * @throws EngineError `conflict` in dockerd's words, `invalid` for what is no address
 */
export async function holdPorts(request: PortRequest, target: RelayTarget): Promise<readonly HeldPort[]> {
  const { hostPort, hostPortEnd = hostPort } = request
  const candidates =
    hostPort === 0
      ? Array.from({ length: attempts }, () => 0)
      : Array.from({ length: hostPortEnd - hostPort + 1 }, (_, i) => hostPort + i)
  for (const [i, port] of candidates.entries())
    try {
      return await holdEverywhere({ ...request, hostPort: port }, target)
    } catch (error) {
      if (!isFault(error, 'conflict') || i === candidates.length - 1) throw error
    }
  throw new EngineError('invalid', `invalid host port range: ${hostPort}-${hostPortEnd}`)
}

async function holdEverywhere(request: PortRequest, target: RelayTarget): Promise<readonly HeldPort[]> {
  if (request.hostIp !== '') return [await holdPort(request, target)]
  const four = await holdPort({ ...request, hostIp: '0.0.0.0' }, target)
  try {
    return [four, await holdPort({ ...request, hostIp: '::', hostPort: four.hostPort }, target)]
  } catch (error) {
    if (error instanceof EngineError && ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(codeOf(error.cause) ?? ''))
      return [four] // a host without IPv6
    four.release()
    throw error
  }
}

/**
 * Binds a port of one address without serving it: traffic is redirected before it gets there. Binding asks the kernel, so
 * one test covers other containers, other engines and every process, and choosing a free port (0) is atomic.
 * @throws EngineError as `holdPorts`
 */
export async function holdPort(request: PortRequest, target: RelayTarget): Promise<HeldPort> {
  const { hostIp, hostPort, protocol, containerPort } = request
  // a name would be looked up
  if (parseAddress(hostIp) === undefined)
    throw new EngineError('invalid', `invalid host IP ${JSON.stringify(hostIp)}: not an IP address`)
  const hold = protocol === 'tcp' ? holdTcp : holdUdp
  try {
    const { port, close } = await hold(hostPort, hostIp, familyOf(hostIp) === 6 ? target : undefined)
    return { protocol, containerPort, hostIp, hostPort: port, release: close }
  } catch (error) {
    throw refusal(error, request)
  }
}

function refusal(error: unknown, { hostIp, hostPort, protocol }: PortRequest): EngineError {
  const code = codeOf(error)
  const host = familyOf(hostIp) === 6 ? `[${hostIp}]` : hostIp
  if (code === 'EADDRINUSE')
    return new EngineError('conflict', `Bind for ${host}:${hostPort} failed: port is already allocated`)
  const reason = code === 'EADDRNOTAVAIL' ? 'cannot assign requested address' : String(code)
  return new EngineError('broken', `failed to bind host port for ${host}:${hostPort}/${protocol}: ${reason}`, error)
}

async function holdTcp(port: number, host: string, target: RelayTarget | undefined) {
  // By IPv4 something comes through only while the port is not yet published, or no longer: refused as by a closed port.
  const server = createServer({ allowHalfOpen: true }, (socket) =>
    target ? relayTcp(socket, target) : socket.resetAndDestroy(),
  )
  server.listen({ port, host, exclusive: true, ipv6Only: true })
  await once(server, 'listening')
  server.unref()
  const address = server.address()
  return { port: typeof address === 'object' && address ? address.port : port, close: () => void server.close() }
}

async function holdUdp(port: number, host: string, target: RelayTarget | undefined) {
  const socket = createSocket({ type: familyOf(host) === 4 ? 'udp4' : 'udp6', ipv6Only: familyOf(host) === 6 })
  try {
    socket.bind({ port, address: host, exclusive: true })
    await once(socket, 'listening')
  } catch (error) {
    socket.close()
    throw error
  }
  if (target) relayUdp(socket, target)
  socket.unref()
  return { port: socket.address().port, close: () => void socket.close() }
}
