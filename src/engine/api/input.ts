import type { Duplex } from 'node:stream'
import { detector } from './frames.js'

/** Where what a client sends goes. */
export interface InputSink {
  /** Resolves when there is room for more. */
  write(chunk: Buffer): Promise<void>
  /** The client has sent all. */
  end(): void
  /** The client has typed the detach keys. */
  detach(): void
  /** The keys that detach; absent where they are input like any other. */
  readonly keys?: Buffer
}

/**
 * Passes on what a client of a hijacked connection sends, and its end. An empty input may have ended before this is
 * called: Node tells of such an end at once, whether or not anybody reads.
 */
export function passInput(client: Duplex, sink: InputSink): void {
  const detects = sink.keys === undefined ? (chunk: Buffer) => chunk : detector(sink.keys)
  if (client.readableEnded) {
    sink.end()
    return
  }
  client.on('data', (chunk: Buffer) => {
    const typed = detects(chunk)
    if (!typed) {
      sink.detach()
      return
    }
    client.pause()
    void sink.write(typed).finally(() => client.resume())
  })
  client.once('end', () => sink.end())
  client.resume()
}
