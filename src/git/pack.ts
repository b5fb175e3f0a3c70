import { BerthError } from '../errors.js'

/** Memory that index-pack and the walk that follows it take for each object. */
const bytesAnObject = 512
const headerBytes = 12

/**
 * Passes a pack on if it says to hold no more objects than there is memory for: git allocates for as many as the pack's header
 * says (gitformat-pack(5)) before it has seen the first.
 * @param memory bytes that git may take
 * @throws BerthError `large`
 */
export async function* checkedPack(chunks: AsyncIterable<Buffer>, memory: number): AsyncGenerator<Buffer> {
  const most = Math.floor(memory / bytesAnObject)
  let header: Buffer | null = Buffer.alloc(0)
  for await (const chunk of chunks) {
    if (header === null) {
      yield chunk
      continue
    }
    header = Buffer.concat([header, chunk])
    if (header.length < headerBytes) continue
    const objects = header.readUInt32BE(8)
    if (header.toString('latin1', 0, 4) === 'PACK' && objects > most)
      throw new BerthError(
        'large',
        `the push holds ${String(objects)} objects, and git has memory for ${String(most)}`,
        'push less of the history, or raise BERTH_GIT_MEMORY on the server',
      )
    yield header
    header = null
  }
  if (header !== null && header.length > 0) yield header
}
