import { readFileSync, statSync } from 'node:fs'
import { EngineError } from '../errors.js'

/** The largest that is read: Dockerfiles and ignore files are for people. */
const mostBytes = 1 << 20

/** Reads a text of a build context, for a worker thread. @throws EngineError `invalid` for more than 1 MiB */
export function readContextText(path: string, name: string): string {
  if (statSync(path).size > mostBytes) throw new EngineError('invalid', `${name} is larger than 1 MiB`)
  return readFileSync(path, 'utf8')
}
