import { randomUUID } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '../errors.js'
import { writeDurably } from './durable.js'

/** The engine's own id, made at its first start: `<root>/engine-id`. */
export async function engineId(root: string): Promise<string> {
  const path = join(root, 'engine-id')
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
  const id = randomUUID()
  await mkdir(root, { recursive: true })
  await writeDurably(path, `${id}\n`, 0o644)
  return id
}
