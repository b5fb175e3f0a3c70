import { readFile } from 'node:fs/promises'

const absent = ['ENOENT', 'ENOTDIR', 'EISDIR']

/** For a `catch`: stands for what is not there. What cannot be read is no file that is not there: it is thrown on. */
export const ifAbsent =
  <T>(instead: T) =>
  (error: unknown): T => {
    if (absent.includes((error as NodeJS.ErrnoException).code ?? '')) return instead
    throw error
  }

/** Text of a file; null when there is none. */
export const readIfThere = (path: string): Promise<string | null> => readFile(path, 'utf8').catch(ifAbsent(null))
