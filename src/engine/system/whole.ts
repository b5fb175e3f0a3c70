import { finished, type Readable } from 'node:stream'

/**
 * All of a stream's bytes, at most `limit`. It takes each chunk as it comes: a list of them, a stream's own included, would
 * hold several hundred times what is in it where they are of a byte each.
 * @param tooLarge what is thrown when there are more, which are left unread @throws whatever ends the stream before its end
 */
export function wholeOf(stream: Readable, limit: number, tooLarge: () => Error): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let whole = Buffer.alloc(0)
    let size = 0
    const take = (chunk: Buffer): void => {
      if (size + chunk.length > limit) {
        stream.off('data', take).pause()
        reject(tooLarge())
        return
      }
      if (size + chunk.length > whole.length)
        whole = Buffer.concat([whole.subarray(0, size)], Math.min(limit, 2 * (size + chunk.length)))
      size += chunk.copy(whole, size)
    }
    stream.on('data', take)
    finished(stream, { writable: false }, (error) => {
      if (error) reject(error)
      else resolve(whole.subarray(0, size))
    })
  })
}
