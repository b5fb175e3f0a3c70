import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { orMissing } from '../lib/missing.js'
import { selfSigned, type KeyPair } from './self-signed.js'
import { contextOf } from './shown.js'

/** ms for which the keys of session tickets are used: who has them can read what TLS 1.2 said under them. */
const ticketAge = 12 * 3_600_000
/** Bytes of them, by tls(7) of Node. */
const ticketBytes = 48

/** Writes what only this account may read, whole or not at all. */
async function write(file: string, content: string | Buffer): Promise<void> {
  await writeFile(`${file}.new`, content, { mode: 0o600, flush: true })
  await rename(`${file}.new`, file)
}

/** What routers keep from one to the next so that their clients notice nothing: a certificate of last resort, keys of tickets. */
export class RouterKeys {
  readonly #dir: string

  constructor(root: string) {
    this.#dir = join(root, 'router')
  }

  /** The certificate where there is none for a name: made once. */
  async certificate(name: string): Promise<KeyPair> {
    const file = join(this.#dir, 'self-signed.pem')
    const text = await readFile(file, 'utf8').catch(orMissing(''))
    const [, chain = '', key = ''] = /^(-+BEGIN CERT[^]*?-+END CERTIFICATE-+\n)(-+BEGIN PRIV[^]*)$/.exec(text) ?? []
    if (isPair({ chain, key })) return { chain, key }
    const made = selfSigned(name)
    await mkdir(this.#dir, { recursive: true, mode: 0o700 })
    await write(file, made.chain + made.key)
    return made
  }

  /** The keys of session tickets: those of the router before, unless they are old. */
  async tickets(now = Date.now()): Promise<Buffer> {
    const file = join(this.#dir, 'tickets.key')
    const made = await stat(file).catch(orMissing(null))
    const keys = made && now - made.mtimeMs < ticketAge ? await readFile(file) : null
    if (keys?.length === ticketBytes) return keys
    const fresh = randomBytes(ticketBytes)
    await mkdir(this.#dir, { recursive: true, mode: 0o700 })
    await write(file, fresh)
    return fresh
  }
}

/** Whether a certificate and a key are there, and belong to each other. */
function isPair({ chain, key }: KeyPair): boolean {
  try {
    contextOf({ chain, key })
    return chain !== ''
  } catch {
    return false
  }
}
