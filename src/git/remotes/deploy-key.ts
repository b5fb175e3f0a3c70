import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Secret } from '../../lib/secret.js'
import { noSsh } from './host-keys.js'

/** A pair of keys. */
export interface KeyPair {
  /** As OpenSSH keeps it. */
  readonly privateKey: Secret
  /** `ssh-ed25519 AAAA… berth-blog` */
  readonly publicKey: string
}

const execute = promisify(execFile)

/**
 * Makes an ed25519 key, as a host of repositories takes it for a deploy key.
 * @param comment what it is told apart by there
 */
export async function makeKeyPair(comment: string): Promise<KeyPair> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-key-')) // nobody else's to look into: mode 0700
  try {
    const file = join(directory, 'key')
    await execute('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', file], {
      env: { PATH: process.env.PATH },
    }).catch((error: unknown) => {
      throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? noSsh(error) : error
    })
    const [privateKey, publicKey] = await Promise.all([readFile(file, 'utf8'), readFile(`${file}.pub`, 'utf8')])
    return { privateKey: new Secret(privateKey), publicKey: publicKey.trim() }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
