import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { connect, type Socket as TcpSocket } from 'node:net'
import { familyOf } from '../kernel/ip.js'

/** Where a container's port is reached. */
export interface RelayTarget {
  readonly address: string
  readonly port: number
}

/** A client of UDP that has been silent this long is another one when it speaks again. */
const idleMs = 60_000
/** Clients of one UDP port at a time: each has a socket of its own. */
const clientLimit = 1024

/**
 * Carries a TCP connection on to a container: for what the firewall cannot redirect, that is IPv6 to a container that has
 * none, and the host's own ::1. It ends with the engine.
 */
export function relayTcp(from: TcpSocket, target: RelayTarget): void {
  const to = connect({ host: target.address, port: target.port, allowHalfOpen: true })
  from.on('error', () => to.destroy())
  to.on('error', () => from.resetAndDestroy())
  from.on('close', () => to.destroy())
  to.on('close', () => from.destroy())
  from.pipe(to)
  to.pipe(from)
}

/** The same for UDP: answers go back to the client that each came for. */
export function relayUdp(from: UdpSocket, target: RelayTarget): void {
  const clients = new Map<string, { socket: UdpSocket; idle: NodeJS.Timeout }>()
  const enter = (key: string, port: number, address: string): { socket: UdpSocket; idle: NodeJS.Timeout } => {
    const socket = createSocket(familyOf(target.address) === 4 ? 'udp4' : 'udp6')
    const leave = (): void => {
      if (clients.delete(key)) socket.close()
    }
    socket.on('error', leave)
    socket.on('message', (message) => from.send(message, port, address, () => undefined))
    socket.unref()
    const client = { socket, idle: setTimeout(leave, idleMs).unref() }
    clients.set(key, client)
    return client
  }
  from.on('message', (message, { port, address }) => {
    const key = `${address} ${port}`
    if (!clients.has(key) && clients.size >= clientLimit) return
    const { socket, idle } = clients.get(key) ?? enter(key, port, address)
    idle.refresh()
    socket.send(message, target.port, target.address, () => undefined)
  })
  from.on('close', () => {
    for (const { socket, idle } of clients.values()) {
      clearTimeout(idle)
      socket.close()
    }
    clients.clear()
  })
}
