import { randomBytes } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Config } from '../config.js'
import { BerthError } from '../errors.js'
import { readIfThere } from '../lib/missing.js'
import { candidateKeyFile, keyFile } from './places.js'

const shape = /^[\x21-\x7e]{20,200}$/

/** What repositories are encrypted with; null before the first backup. */
export async function readKey(config: Pick<Config, 'root'>): Promise<string | null> {
  return (await readIfThere(keyFile(config)))?.trim() ?? null
}

/** Makes the key where there is none. @returns its file */
export async function ensureKey(config: Pick<Config, 'root'>): Promise<string> {
  if ((await readKey(config)) === null) await write(keyFile(config), randomBytes(32).toString('base64url'))
  return keyFile(config)
}

/** Keeps a key beside the one that is used, until it has opened its repository. @throws BerthError `invalid` */
export async function writeCandidate(config: Pick<Config, 'root'>, key: string): Promise<void> {
  if (!shape.test(key))
    throw new BerthError(
      'invalid',
      'that is no key of backups',
      '`berth backups:key` of the Berth that made them shows it',
    )
  await write(candidateKeyFile(config), key)
}

/** The file of the key that was given with another target; null where there was none. */
export async function candidateKey(config: Pick<Config, 'root'>): Promise<string | null> {
  const file = candidateKeyFile(config)
  return (await readIfThere(file)) === null ? null : file
}

/** Has the candidate be the key; the one until now is kept beside it, for the backups that need it. */
export async function takeCandidate(config: Pick<Config, 'root'>): Promise<void> {
  const file = keyFile(config)
  if ((await readKey(config)) !== null) await rename(file, `${file}.until-${Date.now()}`)
  await rename(candidateKeyFile(config), file)
}

export const dropCandidate = (config: Pick<Config, 'root'>): Promise<void> =>
  rm(candidateKeyFile(config), { force: true })

/** Durable when it resolves. */
async function write(file: string, key: string): Promise<void> {
  const draft = `${file}.${randomBytes(4).toString('hex')}`
  const written = await open(draft, 'wx', 0o600)
  try {
    await written.writeFile(`${key}\n`)
    await written.sync()
  } finally {
    await written.close()
  }
  await rename(draft, file)
  const directory = await open(dirname(file))
  await directory.sync().finally(() => directory.close())
}
