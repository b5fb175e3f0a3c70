import type { ClientHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import { maxHeaderLines } from '../framing.js'
import { deadline } from '../lib/deadline.js'

/** ms a process has to begin with HTTP/2 (RFC 9113 §3.4: its settings come first). */
const greetingTime = 2000
/** ms a session without a stream is kept. */
const idleSession = 60_000
/** Bytes of one answer that are on their way to us, or wait for a client that does not read. */
const streamWindow = 128 * 1024
/** The same of all answers of a session: Node gives back what it has read, whoever reads it. */
const sessionWindow = 1024 * 1024
/** Streams of a session at once where the process does not say. */
const unspokenStreams = 100

/** What listens does not speak HTTP/2. */
export class NotHttp2 extends Error {}

/** The HTTP/2 sessions with one process, by prior knowledge (RFC 9113 §3.3). Each carries as many streams as the process lets it. */
export class UpstreamSessions {
  readonly #dial: () => Promise<Socket>
  readonly #open = new Set<ClientHttp2Session>()
  readonly #streams = new WeakMap<ClientHttp2Session, number>()
  #opening: Promise<void> | undefined

  constructor(dial: () => Promise<Socket>) {
    this.#dial = dial
  }

  /** One with room for another stream. @throws NotHttp2; and whatever opening a connection does */
  async take(): Promise<ClientHttp2Session> {
    for (;;) {
      for (const session of this.#open) if (this.#hasRoom(session)) return session
      this.#opening ??= this.#connect().finally(() => (this.#opening = undefined))
      await this.#opening
    }
  }

  /** Counts a stream of a session, until the returned function is called. */
  hold(session: ClientHttp2Session): () => void {
    this.#streams.set(session, this.#of(session) + 1)
    return () => this.#streams.set(session, this.#of(session) - 1)
  }

  /** Ends them all. */
  close(): void {
    for (const session of this.#open) session.destroy()
  }

  #of(session: ClientHttp2Session): number {
    return this.#streams.get(session) ?? 0
  }

  #hasRoom(session: ClientHttp2Session): boolean {
    const { maxConcurrentStreams = unspokenStreams } = session.remoteSettings
    return !session.closed && !session.destroyed && this.#of(session) < Math.min(maxConcurrentStreams, unspokenStreams)
  }

  async #connect(): Promise<void> {
    const socket = await this.#dial()
    // loaded when it is needed: a router of apps without it does without it
    const session = process.getBuiltinModule('node:http2').connect('http://app', {
      createConnection: () => socket,
      maxHeaderListPairs: maxHeaderLines + 4,
      maxSessionMemory: 64,
      settings: { enablePush: false, initialWindowSize: streamWindow, maxHeaderListSize: 16 * 1024 },
    })
    session.on('error', () => undefined) // its end follows
    using late = deadline(greetingTime)
    try {
      await Promise.race([
        once(session, 'remoteSettings', { signal: late.signal }),
        once(session, 'close', { signal: late.signal }).then(() => Promise.reject(new Error('it hung up'))),
      ])
    } catch (cause) {
      session.destroy()
      throw new NotHttp2('it does not speak HTTP/2', { cause })
    }
    session.setLocalWindowSize(sessionWindow)
    session.setTimeout(idleSession, () => {
      if (this.#of(session) === 0) session.close()
    })
    this.#open.add(session)
    // after a GOAWAY it takes no more streams, and those that it has go on (RFC 9113 §6.8)
    session.once('close', () => this.#open.delete(session))
  }
}
