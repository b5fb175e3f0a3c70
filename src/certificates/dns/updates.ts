import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { BerthError, messageOf } from '../../errors.js'
import { deadline } from '../../lib/deadline.js'
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
  new BerthError('unavailable', `the name server ${server} ${why}`, 'see BERTH_DNS_UPDATE and BERTH_DNS_KEY', cause)

/** Changes TXT records where the DNS of domains is kept. */
export class DnsUpdates {
  readonly #at: UpdateServer
  constructor(at: UpdateServer) {
    this.#at = at
  }

  /** Has a name say a text, beside what it says already, and waits until the server does say so. Safe to repeat. */
  async add(name: string, text: string, signal: AbortSignal): Promise<void> {
    await this.#change(name, text, true, signal)
    const resolver = this.#resolver()
    for (;;) {
      const texts = (await resolver.resolveTxt(name).catch((error: unknown) => this.#orNothing(error))) ?? []
      if (texts.some((parts) => parts.join('') === text)) return
      await sleep(200, null, { signal })
    }
  }

  async remove(name: string, text: string, signal: AbortSignal): Promise<void> {
    await this.#change(name, text, false, signal)
  }

  async #change(name: string, text: string, wanted: boolean, signal: AbortSignal): Promise<void> {
    const update = { zone: await this.#zoneOf(name), name, text, wanted }
    const refusal = await this.#send(update, signal)
    if (refusal !== null) throw fault(this.#at.server, refusal)
  }

  /** The zone that a name is in, of those that the server has. */
  async #zoneOf(name: string): Promise<string> {
    const resolver = this.#resolver()
    const labels = name.split('.')
    for (let at = 1; at < labels.length - 1; at += 1) {
      const zone = labels.slice(at).join('.')
      const soa = await resolver.resolveSoa(zone).catch((error: unknown) => this.#orNothing(error))
      if (soa) return zone
    }
    throw fault(this.#at.server, `has no zone that ${name} is in`)
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
