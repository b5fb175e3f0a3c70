/** Bytes that go from a thread at once. */
const batchSize = 1 << 18

/** On the thread: chunks that are valid only until the next is asked for, gathered into larger ones that stay. */
export class Batches {
  readonly #chunks: Iterator<Buffer>
  constructor(chunks: Iterable<Buffer>) {
    this.#chunks = chunks[Symbol.iterator]()
  }

  /** undefined at the end. */
  next(): Buffer | undefined {
    const parts: Buffer[] = []
    let size = 0
    while (size < batchSize) {
      const next = this.#chunks.next()
      if (next.done === true) break
      parts.push(Buffer.from(next.value))
      size += next.value.length
    }
    return size > 0 ? Buffer.concat(parts, size) : undefined
  }
}

/** Away from the thread: asks for the next batch while the last is used, never for more. */
export async function* flow(next: () => Promise<unknown>): AsyncGenerator<Buffer> {
  for (let asked = next(); ;) {
    const batch = (await asked) as Uint8Array | undefined
    if (batch === undefined) return
    asked = next()
    asked.catch(() => undefined) // seen when its turn comes
    yield Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength)
  }
}

/** Bytes to be posted, and transferred: a piece of a larger buffer would be posted with all of that, for each piece. */
export const byThemselves = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes)
