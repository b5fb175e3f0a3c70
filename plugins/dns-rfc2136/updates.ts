import { BerthError, deadline, messageOf, type DnsPlugin, type TxtRecord } from 'berth/plugin'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { connect } from 'node:net'
import { refusalIn, updateMessage, type TsigKey, type Update } from './message.js'

/** A name server that takes updates (RFC 2136). */
export interface UpdateServer {
  /** `ADDRESS[:PORT]` */
  readonly server: string
  readonly key: TsigKey
}

/** ms for one answer of the server. */
const limit = 10_000

const fault = (server: string, why: string, cause?: unknown): BerthError =>
  new BerthError('unavailable', `the name server ${server} ${why}`, 'see `berth plugins:info dns-rfc2136`', cause)

/** Changes TXT records where the DNS of domains is kept. */
export class DnsUpdates implements DnsPlugin {
  readonly #at: UpdateServer
  readonly servers: readonly string[]
  constructor(at: UpdateServer) {
    this.#at = at
    this.servers = [at.server]
  }

  /** Of the zones that the server has. */
  async zoneOf(name: string): Promise<string | null> {
    const resolver = this.#resolver()
    const labels = name.split('.')
    for (let at = 1; at < labels.length - 1; at += 1) {
      const zone = labels.slice(at).join('.')
      const soa = await resolver.resolveSoa(zone).catch((error: unknown) => this.#orNothing(error))
      if (soa) return zone
    }
    return null
  }

  add(record: TxtRecord, signal: AbortSignal): Promise<void> {
    return this.#change({ ...record, wanted: true }, signal)
  }

  remove(record: TxtRecord, signal: AbortSignal): Promise<void> {
    return this.#change({ ...record, wanted: false }, signal)
  }

  async #change(update: Update, signal: AbortSignal): Promise<void> {
    const refusal = await this.#send(update, signal)
    if (refusal !== null) throw fault(this.#at.server, refusal)
  }

  /** A name that the server knows nothing of, or nothing of that kind. @throws BerthError `unavailable` where it does not say */
  #orNothing(error: unknown): null {
    const { code = '' } = error as NodeJS.ErrnoException
    if (['ENOTFOUND', 'ENODATA', 'EREFUSED', 'ESERVFAIL'].includes(code)) return null
    throw fault(this.#at.server, `cannot be asked: ${code}`, error)
  }

  #resolver(): Resolver {
    const resolver = new Resolver({ timeout: 2_000, tries: 2 })
    resolver.setServers([this.#at.server])
    return resolver
  }

  /** Over TCP: what comes back is from who was asked. */
  async #send(update: Update, signal: AbortSignal): Promise<string | null> {
    const { server, key } = this.#at
    signal.throwIfAborted()
    const { id, message } = updateMessage(update, key)
    const [host, port] = splitServer(server)
    using late = deadline(limit, signal)
    const socket = connect({ host, port })
    const end = (): void => void socket.destroy(late.signal.reason as Error)
    late.signal.addEventListener('abort', end)
    try {
      await once(socket, 'connect')
      socket.write(Buffer.concat([Buffer.from([message.length >> 8, message.length & 0xff]), message]))
      let answer = Buffer.alloc(0)
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        answer = Buffer.concat([answer, chunk])
        if (answer.length >= 2 && answer.length >= 2 + answer.readUInt16BE(0)) return refusalIn(answer.subarray(2), id)
      }
      return 'hangs up without an answer'
    } catch (error) {
      if (signal.aborted) throw signal.reason
      throw fault(server, late.signal.aborted ? 'does not answer' : `cannot be asked: ${messageOf(error)}`, error)
    } finally {
      late.signal.removeEventListener('abort', end)
      socket.destroy()
    }
  }
}

/** `192.0.2.1:53`, `[2001:db8::1]:53`, or without a port. */
function splitServer(server: string): [host: string, port: number] {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(server) ?? []
  return [bracketed ?? plain ?? server, Number(port ?? 53)]
}
