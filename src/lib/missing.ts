import { readFile } from 'node:fs/promises'
import { is } from '../errors.js'

const absent = new Set(['ENOENT', 'ENOTDIR', 'ESRCH'])

/** Whether an error says that something is not there: of the file system and of processes by its code, of HTTP by 404, of ours by its fault. */
export function isMissing(error: unknown): boolean {
  if (is(error, 'missing')) return true
  const { code, statusCode, syscall } = (error ?? {}) as { code?: unknown; statusCode?: unknown; syscall?: unknown }
  // a socket that is not there is a server that is away
  return statusCode === 404 || (typeof code === 'string' && absent.has(code) && syscall !== 'connect')
}

/**
 * For a `catch`: stands for what is not there. What cannot be read, or asked for because its keeper is away, is thrown on: it
 * may well be there.
 */
export const orMissing =
  <T>(instead: T) =>
  (error: unknown): T => {
    if (isMissing(error)) return instead
    throw error
  }

/** Text of a file; null when there is none. */
export const readIfThere = (path: string): Promise<string | null> => readFile(path, 'utf8').catch(orMissing(null))
