import type { ServerResponse } from 'node:http'
import { Writable } from 'node:stream'
import type { PushLimits } from '../config.js'
import type { BerthError } from '../errors.js'
import type { RefCommand } from './commands.js'
import { ended, ofProgress, unpacked } from './explain.js'
import { packetAt } from './pkt-line.js'
import { refusal, spoken } from './report.js'

/** Characters of git's own words that are kept, should they say why it failed. */
const keptWords = 2000

/** What an answer is about. */
export interface PushRequest {
  readonly commands: readonly RefCommand[]
  readonly capabilities: ReadonlySet<string>
  readonly limits: PushLimits
}

/**
 * Where git's answer to a push goes: to the response, packet by packet, as fast as its reader reads, or nowhere when that has
 * gone away. What git says of a limit that it has met is followed by what to do about it; a git that ends without a report
 * (gitprotocol-pack(5), "Report Status") gets one, so that the pusher is told of a refusal and not of a broken connection.
 */
export class PushAnswer extends Writable {
  readonly #response: ServerResponse
  readonly #about: PushRequest | null
  readonly #stallMs: number
  #beforeEnd: () => Promise<void> = () => Promise.resolve()
  #partial = Buffer.alloc(0)
  /** The last of what git has said. */
  #said = ''
  /** Whose report the pusher has got. */
  #reported: 'git' | 'ours' | null = null

  /**
   * @param about null passes everything on as it is
   * @param stallMs who does not read for so long is hung up on: a fetch ends, a push goes on unheard
   */
  constructor(response: ServerResponse, about: PushRequest | null, stallMs: number) {
    super({ highWaterMark: 64 * 1024 })
    this.#response = response
    this.#about = about?.capabilities.has('side-band-64k') === true ? about : null
    this.#stallMs = stallMs
    response.on('error', () => undefined) // its `close` is heeded
  }

  /** node-git-server sets the headers of what it takes for the response. */
  setHeader(name: string, value: string): void {
    if (!this.#response.headersSent) this.#response.setHeader(name, value)
  }

  /** Awaited between the last word and the end of the response. */
  beforeEnd(task: () => Promise<void>): void {
    this.#beforeEnd = task
  }

  /** Refuses the push in place of git, whose words are passed on no more. */
  async refuse({ message, hint }: Pick<BerthError, 'message' | 'hint'>): Promise<void> {
    if (this.#reported !== null) return
    this.#reported = 'ours'
    if (!this.#about) return void this.#response.destroy()
    const { commands, capabilities } = this.#about
    await this.#send(Buffer.concat([spoken(message, hint), refusal(commands, message, capabilities)]))
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#take(chunk).then(() => done(), done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#end().then(() => done(), done)
  }

  async #take(chunk: Buffer): Promise<void> {
    if (!this.#about) return this.#send(chunk)
    this.#partial = Buffer.concat([this.#partial, chunk])
    const out: Buffer[] = []
    let at = 0
    for (let packet = packetAt(this.#partial, at); packet; packet = packetAt(this.#partial, at)) {
      if (packet.payload && this.#reported === null) out.push(this.#wordsBefore(packet.payload, this.#about.limits))
      out.push(this.#partial.subarray(at, packet.next))
      at = packet.next
    }
    this.#partial = this.#partial.subarray(at)
    if (this.#reported !== 'ours') await this.#send(Buffer.concat(out))
  }

  /** What the pusher is to read before a packet of git's. */
  #wordsBefore(payload: Buffer, limits: PushLimits): Buffer {
    const text = payload.toString('utf8', 1)
    if (payload[0] !== 1) {
      this.#said = (this.#said + text).slice(-keptWords)
      return Buffer.alloc(0)
    }
    if (text === '') return Buffer.alloc(0) // git is still there (git-config(1), receive.keepAlive)
    this.#reported = 'git'
    if (unpacked(text)) return Buffer.alloc(0) // what it said was the operation's
    const { message, hint } = ofProgress(this.#said, limits) ?? ended(limits)
    return spoken(message, hint)
  }

  async #end(): Promise<void> {
    if (this.#about && this.#reported === null) await this.refuse(ended(this.#about.limits))
    if (!this.#response.destroyed) await this.#beforeEnd()
    this.#response.end()
  }

  /** Resolves when there is room for more, or when nobody reads any longer. */
  async #send(bytes: Buffer): Promise<void> {
    const response = this.#response
    if (bytes.length === 0 || response.destroyed || response.write(bytes)) return
    await new Promise<void>((resolve) => {
      const late = setTimeout(() => response.destroy(), this.#stallMs)
      const go = (): void => {
        clearTimeout(late)
        response.off('drain', go).off('close', go)
        resolve()
      }
      response.once('drain', go).once('close', go)
    })
  }
}
