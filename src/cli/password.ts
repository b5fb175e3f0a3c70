import { UsageError } from './failure.js'

/** Bytes that a password may have, and a line end. */
const maxPassword = 4098

/** A password or another secret, of one line, from standard input: a command line can be seen by others. @throws UsageError at a terminal, which would show it */
export async function readPassword(example: string, what = 'password'): Promise<string> {
  if (process.stdin.isTTY)
    throw new UsageError(`the ${what} is read from standard input, and a terminal would show it`, example)
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer)
    if ((bytes += (chunk as Buffer).length) > maxPassword) break
  }
  const password = Buffer.concat(chunks)
    .toString()
    .replace(/\r?\n$/, '')
  if (password === '') throw new UsageError(`there is no ${what} on standard input`, example)
  return password
}
