import { mkdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config.js'
import { BerthError } from '../errors.js'
import { isMissing } from '../lib/missing.js'
import { execute } from '../plugins/execute.js'
import { sshDirectory } from './places.js'

/** The public half of the key that SFTP servers are to let in; made where there is none. */
export async function ensureSshKey(config: Pick<Config, 'root' | 'name'>): Promise<string> {
  const directory = sshDirectory(config)
  const file = join(directory, 'id')
  const read = async (): Promise<string> => (await readFile(`${file}.pub`, 'utf8')).trim()
  try {
    return await read()
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const draft = `${file}.${process.pid}`
  const words = ['-q', '-t', 'ed25519', '-N', '', '-C', `berth backups of ${config.name}`, '-f', draft]
  const { code, stderr } = await execute('ssh-keygen', words, { patience: 20_000 })
  if (code !== 0) throw new BerthError('broken', `a key for SFTP cannot be made: ${stderr.trim().slice(0, 200)}`)
  await rename(draft, file)
  await rename(`${draft}.pub`, `${file}.pub`)
  return read()
}
