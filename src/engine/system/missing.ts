import { codeOf, isFault } from '../errors.js'

const absent = ['ENOENT', 'ENOTDIR']

/** For a `catch`: stands for what is not there. What cannot be read is thrown on: it may well be there. */
export const orMissing =
  <T>(instead: T) =>
  (error: unknown): T => {
    if (isFault(error, 'missing') || absent.includes(codeOf(error) ?? '')) return instead
    throw error
  }
