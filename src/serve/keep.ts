import { text } from 'node:stream/consumers'
import { readCredentials, writeCredentials, type Credentials } from '../credentials.js'
import { messageOf } from '../errors.js'

/** Run by `asPerson`, as somebody: `read` prints their credentials as JSON, `write` keeps those on standard input. */
try {
  if (process.argv[2] === 'write') await writeCredentials(JSON.parse(await text(process.stdin)) as Credentials)
  else process.stdout.write(JSON.stringify(await readCredentials()))
} catch (error) {
  process.stderr.write(messageOf(error))
  process.exitCode = 1
}
