import { createServer, type Server, type Socket } from 'node:net'
import { FirstBytes } from './first-bytes.js'
import { readIntroduction, type Introduction, type IntroductionHead } from './proxy-protocol.js'

/** ms a proxy has at most to introduce a connection. */
const mostTime = 5000

/** What proxies have said of connections. */
const introductions = new WeakMap<Socket, Introduction>()

/** What a proxy has said of a connection; nothing where there is none. */
export const introductionOf = (socket: Socket): Introduction | undefined => introductions.get(socket)

/** One that speaks TLS over a connection comes from where that one does. */
export function introduceAs(secure: Socket, raw: Socket): void {
  const known = introductions.get(raw)
  if (known) introductions.set(secure, known)
}

/** Who is told what comes of a connection that a proxy is to introduce. */
export interface IntroductionEvents {
  /** Its head is read, and what has come after that is the first that is read next. */
  readonly introduced: (socket: Socket) => void
  /** It is closed: what came is no head of the PROXY protocol, or came too late. */
  readonly refused: (socket: Socket, why: 'malformed' | 'late') => void
}

/** Connections that begin with a head of the PROXY protocol, while it is being read. */
export class Introductions {
  readonly #first: FirstBytes<IntroductionHead | 'malformed'>

  /** @param time ms for a head */
  constructor({ introduced, refused }: IntroductionEvents, time: number) {
    const found = (socket: Socket, head: IntroductionHead | 'malformed', bytes: Buffer): void => {
      if (typeof head === 'string') {
        socket.destroy()
        refused(socket, head)
        return
      }
      introductions.set(socket, head)
      if (bytes.length > head.length) socket.unshift(bytes.subarray(head.length))
      introduced(socket)
    }
    const events = { found, late: (socket: Socket) => refused(socket, 'late') }
    this.#first = new FirstBytes(readIntroduction, events, Math.min(time, mostTime))
  }

  /** Reads the head: bytes that follow it stay to be read. */
  receive(socket: Socket): void {
    this.#first.receive(socket)
  }

  /** Closes those whose head has not come. */
  cut(): void {
    this.#first.cut()
  }
}

/** A listener in front of one that is made for connections without introductions. */
export interface IntroducedFront {
  readonly server: Server
  readonly introductions: Introductions
}

/** What decides about connections before they are anybody's. */
export interface FrontDeps extends Pick<IntroductionEvents, 'refused'> {
  /** Whether a connection begins with a head; one that does not is handed on as it is. */
  readonly isIntroduced: (socket: Socket) => boolean
  /** ms for a head. */
  readonly headTime: number
}

/** Listens in the place of a server that is never told to: connections that are introduced get there when their head is read. */
export function listenInFront(of: Server, { isIntroduced, refused, headTime }: FrontDeps): IntroducedFront {
  const introduced = (socket: Socket): void => void of.emit('connection', socket)
  const introductions = new Introductions({ introduced, refused }, headTime)
  const allowHalfOpen = (of as { allowHalfOpen?: boolean }).allowHalfOpen === true
  const server = createServer({ noDelay: true, allowHalfOpen }, (socket) => {
    if (isIntroduced(socket)) introductions.receive(socket)
    else introduced(socket)
  })
  // Node's server looks for clients that are too slow from when it listens, which this one does through another
  server.once('listening', () => of.emit('listening')).once('close', () => of.close())
  return { server, introductions }
}
