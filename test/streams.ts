/** Reads a stream to its end without keeping anything of it. An exec's is closed rather than ended. */
export async function drained(stream: NodeJS.ReadableStream): Promise<void> {
  stream.resume()
  await new Promise((resolve, reject) => stream.once('close', resolve).once('end', resolve).once('error', reject))
}
