import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { detect } from '../../src/buildpacks/detect.js'
import type { Plan } from '../../src/buildpacks/buildpack.js'
import { directoryTree } from '../../src/buildpacks/tree.js'
import { BerthError } from '../../src/errors.js'

/** Path -> text, or an object with the target of a link. */
export type Files = Readonly<Record<string, string | { readonly to: string }>>

/** Makes a directory of files for `use`, and removes it. */
export function withTree<T>(files: Files, use: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'berth-tree-'))
  try {
    for (const [path, content] of Object.entries(files)) {
      const file = join(directory, path)
      mkdirSync(dirname(file), { recursive: true })
      if (typeof content === 'string') writeFileSync(file, content)
      else symlinkSync(content.to, file)
    }
    return use(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

export const planOf = (files: Files): Plan => withTree(files, (directory) => detect(directoryTree(directory)))

/** The error that detection ends with, message and hint in one text. */
export function complaintOf(files: Files): string {
  try {
    planOf(files)
  } catch (error) {
    if (error instanceof BerthError) return `${error.message}\n${error.hint ?? ''}`
    throw error
  }
  throw new Error('it was taken')
}

/** A package.json with what matters to a test. */
export const pkg = (fields: object = {}): string => JSON.stringify({ name: 'app', version: '1.0.0', ...fields })
