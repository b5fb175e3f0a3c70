import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must } from '../run.js'
import { gitEnv } from './rig.js'

/** A file of a tree: its mode and its text, or what it links to. */
export type File = readonly [mode: '100644' | '100755' | '120000', text: string | Buffer]

/** A bare repository that is filled by git's plumbing, in a directory of its own. */
export interface BareRepository extends AsyncDisposable {
  /** What else is there: removed with it. */
  readonly dir: string
  readonly path: string
  git(...args: string[]): Promise<string>
  /** Writes an object. @returns its name */
  blob(text: string | Buffer): Promise<string>
  /** Writes files at the root, and a commit of them. @returns the commit */
  commit(files?: Readonly<Record<string, File>>, ...parents: string[]): Promise<string>
  /** Writes a commit of a tree, given as git-mktree(1) reads it, whether what it names is there or not. */
  commitTree(lines: readonly string[], ...parents: string[]): Promise<string>
}

export async function bareRepository(): Promise<BareRepository> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-bare-'))
  const path = join(dir, 'git', 'a.git')
  await must('git', ['init', '--quiet', '--bare', '--template=', '--initial-branch=main', path], { env: gitEnv })
  const run = (args: readonly string[], input?: string | Buffer): Promise<string> =>
    must('git', args, { cwd: path, env: gitEnv, ...(input === undefined ? {} : { input }) })
  const blob = (text: string | Buffer) => run(['hash-object', '-w', '--stdin'], text)
  const commitTree = async (lines: readonly string[], ...parents: string[]): Promise<string> => {
    const tree = await run(['mktree', '-z', '--missing'], lines.map((line) => `${line}\0`).join(''))
    return run(['commit-tree', tree, '-m', 'change', ...parents.flatMap((parent) => ['-p', parent])])
  }
  return {
    dir,
    path,
    git: (...args) => run(args),
    blob,
    async commit(files = {}, ...parents) {
      const lines = await Promise.all(
        Object.entries(files).map(async ([name, [mode, text]]) => `${mode} blob ${await blob(text)}\t${name}`),
      )
      return commitTree(lines, ...parents)
    },
    commitTree,
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  }
}

/** What a promise is refused with; null when it is not. */
export const failure = (answer: Promise<unknown>): Promise<unknown> =>
  answer.then(
    () => null,
    (error: unknown) => error,
  )
