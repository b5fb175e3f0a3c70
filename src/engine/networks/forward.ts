import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIP, Socket as TcpSocket } from 'node:net'
import { responseCode, type Query } from './dns-message.js'
import { socketIn } from '../kernel/sockets.js'

export type DnsTransport = 'udp' | 'tcp'

/** A name server is given this long before the next is asked; what resolvers in containers wait, and dockerd does. */
const patienceMs = 4000

/**
 * Asks name servers in turn until one knows. Over UDP each question goes out by a port of its own, chosen by the kernel,
 * and only its server's answer comes in: the next best thing to DNSSEC against forged answers.
 * @param netns where to ask from; absent: from the host
 * @returns the answer as it came; undefined when nobody gave any
 */
export async function forward(
  query: Query,
  transport: DnsTransport,
  servers: readonly string[],
  netns?: string,
): Promise<Buffer | undefined> {
  let last: Buffer | undefined
  for (const server of servers) {
    // a server that does not answer, for whatever reason, is what the next one is for
    const response = await (transport === 'udp' ? askUdp : askTcp)(query, server, netns).catch(() => undefined)
    const code = response && responseCode(query, response)
    if (code === undefined) continue
    last = response
    const serverFailed = code === 2 || code === 5
    if (!serverFailed) break
  }
  return last
}

const familyOf = (server: string): 4 | 6 => (isIP(server) === 6 ? 6 : 4)

async function askUdp(query: Query, server: string, netns?: string): Promise<Buffer> {
  const socket: UdpSocket = createSocket(familyOf(server) === 4 ? 'udp4' : 'udp6')
  const signal = AbortSignal.timeout(patienceMs)
  try {
    if (netns !== undefined) socket.bind({ fd: socketIn(netns, 'udp', familyOf(server)) }) // at once: it has a descriptor
    socket.connect(53, server)
    await once(socket, 'connect', { signal })
    socket.send(query.message)
    for (;;) {
      const [response] = (await once(socket, 'message', { signal })) as [Buffer]
      if (responseCode(query, response) !== undefined) return response
    }
  } finally {
    socket.close()
  }
}

async function askTcp(query: Query, server: string, netns?: string): Promise<Buffer> {
  const socket = netns === undefined ? new TcpSocket() : new TcpSocket({ fd: socketIn(netns, 'tcp', familyOf(server)) })
  const late = setTimeout(() => socket.destroy(new Error('timeout')), patienceMs)
  try {
    socket.connect(53, server)
    socket.write(framed(query.message))
    for await (const message of messagesOf(socket)) return message
    throw new Error(`${server} closed the connection`)
  } finally {
    clearTimeout(late)
    socket.destroy()
  }
}

/** A message as it goes over TCP, RFC 1035 4.2.2. */
export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}

/** The messages of a TCP connection, until it ends. */
export async function* messagesOf(socket: TcpSocket): AsyncGenerator<Buffer> {
  let read = Buffer.alloc(0)
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    read = Buffer.concat([read, chunk])
    for (let size = sizeIn(read); size !== undefined && read.length >= size + 2; size = sizeIn(read)) {
      yield read.subarray(2, size + 2)
      read = read.subarray(size + 2)
    }
  }
}

const sizeIn = (read: Buffer): number | undefined => (read.length < 2 ? undefined : read.readUInt16BE(0))
