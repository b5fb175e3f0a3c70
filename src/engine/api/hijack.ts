import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { unreadBytes } from '../kernel/libc.js'
import { readBody } from './body.js'

/** A connection that Node's HTTP server no longer reads: what follows the request in it is a program's input. */
export interface Taken {
  readonly socket: Socket
  readonly body: Buffer
  /** The client asked for an upgrade, and is answered by one. */
  readonly upgrade: boolean
}

/** The protocol of an upgrade that no client asked for; nobody else knows it. */
const offered = randomUUID()
const longestHead = 1 << 18

/** Whether the client asked for the upgrade itself. */
export const askedForUpgrade = ({ headers }: IncomingMessage): boolean => headers.upgrade !== offered

/**
 * Has a server see connections a moment later. Docker's older clients hijack without an upgrade, and may send input right
 * behind such a request, which Node takes for the next request: theirs is given an upgrade before Node sees it.
 */
export function offerUpgrades(server: Server): void {
  const accept = server.listeners('connection')
  server.removeAllListeners('connection').on('connection', (socket: Socket) => {
    let head = Buffer.alloc(0)
    const drop = (): void => void socket.destroy()
    const gather = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk])
      if (mayHijack(head) && !head.includes('\r\n\r\n') && head.length < longestHead) return
      socket.off('data', gather).off('end', drop).off('error', drop)
      socket.unshift(withUpgrade(head))
      for (const listener of accept) Reflect.apply(listener, server, [socket])
    }
    socket.on('data', gather).on('end', drop).on('error', drop)
  })
}

const hijacks = /^POST (?:\/v[\d.]+)?\/(?:containers\/[^/ ]+\/attach|exec\/[^/ ]+\/start)[? ]/

/** Whether what a connection begins with may yet be a request that hijacks it. */
function mayHijack(head: Buffer): boolean {
  const [line = '', ...rest] = head.toString('latin1').split('\r\n', 2)
  return rest.length > 0 ? hijacks.test(line) : 'POST /'.startsWith(line.slice(0, 6))
}

function withUpgrade(bytes: Buffer): Buffer {
  const end = bytes.indexOf('\r\n\r\n')
  const head = bytes.toString('latin1', 0, Math.max(end, 0))
  if (!hijacks.test(head) || /^(?:upgrade|transfer-encoding):/im.test(head)) return bytes
  const asked = `${head}\r\nConnection: Upgrade\r\nUpgrade: ${offered}`
  return Buffer.concat([Buffer.from(asked, 'latin1'), bytes.subarray(end)])
}

/**
 * Takes the connection of a request that hijacks it without an upgrade and was not the first in it, its client waiting
 * for the answer before it sends more.
 */
export async function takeOver(request: IncomingMessage, response: ServerResponse): Promise<Taken> {
  const { socket } = request
  const body = await readBody(request)
  response.shouldKeepAlive = false
  // Node takes its parser off a connection that somebody else listens to, and goes on listening itself
  const nobody = (): void => undefined
  socket.removeAllListeners('data').removeAllListeners('end').on('data', nobody)
  socket.pause().off('data', nobody)
  return { socket, body, upgrade: false }
}

/** How long a client may take to read the head of an answer (ms). */
const patience = 250

/**
 * Waits until what was written to a connection has been read. docker-py reads the head of an answer through a buffer and
 * the program's output beside it: output that came with the head it would lose.
 */
export async function headRead(socket: Socket): Promise<void> {
  const late = performance.now() + patience
  while (isUnread(socket) && performance.now() < late) await delay(1)
}

function isUnread(socket: Socket): boolean {
  if (socket.destroyed) return false
  const { fd } = Reflect.get(socket, '_handle') as { readonly fd: number }
  return socket.writableLength > 0 || unreadBytes(fd) > 0
}
