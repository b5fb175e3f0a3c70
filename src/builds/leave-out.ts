import { execFile } from 'node:child_process'
import { lstat, readFile, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { SourceError } from '../buildpacks/source-error.js'
import type { Config } from '../config.js'
import { BerthError, messageOf } from '../errors.js'
import { orMissing } from '../lib/missing.js'
import { readStart } from '../lib/read-start.js'
import type { App } from '../store/apps.js'
import { indexOf, treeIdOf } from './files.js'

const file = '.slugignore'
/** Bytes and lines of it. */
const [longest, mostLines] = [64 * 1024, 1000]
/** Bytes that are read of a `.gitattributes`. */
const longestAttributes = 1024 * 1024
/** Bytes of a line: what git compares takes time by it. */
const longestLine = 400
/** Comparing takes no longer. Milliseconds. */
const patienceMs = 60_000
/** Files without which an app is another, or none. */
const telling = /^(?:Procfile|app\.json|heroku\.yml|Dockerfile[^/]*)$/

/** A pushed tree, as git wrote it. */
export interface WrittenTree {
  readonly config: Pick<Config, 'root'>
  readonly app: Pick<App, 'id'>
  readonly directory: string
}

/**
 * Takes out of a tree what its app does not want built: the paths of `.slugignore` at its top, in the words of `.gitignore`, and
 * those that `.gitattributes` say `export-ignore` of. git writes them again for the next commit, should it want them.
 * @param note takes what the pusher should know, a line each
 * @throws SourceError for a line that is none
 */
export async function leaveOut(tree: WrittenTree, note: (line: string) => void, signal: AbortSignal): Promise<void> {
  const git = gitIn(tree, signal)
  const ignored = await ignoredBy(tree.directory, git)
  const all = [...new Set([...ignored, ...(await exportIgnored(tree.directory, git))])]
  if (all.length === 0) return
  await rm(treeIdOf(tree.directory), { force: true }) // it is not whole any more
  const folders = new Set<string>()
  for (const path of all) {
    await rm(join(tree.directory, path), { force: true })
    for (let above = dirname(path); above !== '.'; above = dirname(above)) folders.add(above)
  }
  const deepest = [...folders].sort((a, b) => b.length - a.length)
  for (const folder of deepest) await rmdir(join(tree.directory, folder)).catch(unlessUsed)
  const dropped = ignored.filter((path) => telling.test(path))
  if (dropped.length > 0) note(`Note: ${file} leaves out ${dropped.join(', ')}`)
  note(`Leaves out ${String(all.length)} ${all.length === 1 ? 'file' : 'files'} (${file}, export-ignore)`)
}

/** A folder that has others in it stays. */
function unlessUsed(error: unknown): void {
  if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
}

type Git = (args: readonly string[], input?: string) => Promise<string[]>

/** Answers with the fields that git prints, each ended by a NUL. */
function gitIn({ config, app, directory }: WrittenTree, signal: AbortSignal): Git {
  const env = {
    ...{ PATH: process.env.PATH, LC_ALL: 'C.UTF-8', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' },
    GIT_DIR: join(config.root, 'git', `${app.id}.git`),
    GIT_WORK_TREE: directory,
    GIT_INDEX_FILE: indexOf(directory),
  }
  return async (args, input = '') => {
    const all = ['-c', 'safe.directory=*', '-c', 'core.bare=false', ...args]
    const options = { env, cwd: directory, maxBuffer: 2 ** 28, timeout: patienceMs, signal }
    const running = promisify(execFile)('git', all, options)
    running.child.stdin?.on('error', () => undefined) // it may end without reading
    running.child.stdin?.end(input)
    try {
      return (await running).stdout.split('\0').filter((field) => field !== '')
    } catch (error) {
      signal.throwIfAborted()
      throw new BerthError(
        'broken',
        `what is left out cannot be told: ${messageOf(error).slice(0, 300)}`,
        undefined,
        error,
      )
    }
  }
}

async function ignoredBy(directory: string, git: Git): Promise<string[]> {
  const path = join(directory, file)
  const entry = await lstat(path).catch(orMissing(null))
  if (entry?.isFile() !== true) return []
  if (entry.size > longest) throw wrong(1, `the file is longer than ${String(longest)} bytes`)
  const lines = (await readFile(path, 'utf8')).split('\n')
  if (lines.length > mostLines) throw wrong(mostLines + 1, `the file has more than ${String(mostLines)} lines`)
  for (const [index, line] of lines.entries()) {
    if (line.startsWith('!'))
      throw wrong(index + 1, 'a line that begins with ! would take a path in again, which it cannot')
    if (Buffer.byteLength(line) > longestLine)
      throw wrong(index + 1, `the line is longer than ${String(longestLine)} bytes`)
  }
  return git(['ls-files', '-z', '--cached', '--ignored', `--exclude-from=${path}`])
}

const wrong = (line: number, message: string): SourceError =>
  new SourceError(
    { file, line, column: 1 },
    message,
    `name what is left out in ${file}, a path or a pattern in each line`,
  )

async function exportIgnored(directory: string, git: Git): Promise<string[]> {
  // git writes an index with whole names (version 2, gitformat-index(5)): most need no process to be asked
  const index = await readFile(indexOf(directory)).catch(orMissing(null))
  if (index?.includes('.gitattributes') !== true) return []
  const saying = await git(['ls-files', '-z', '--', '.gitattributes', '**/.gitattributes'])
  const texts = await Promise.all(saying.map((path) => readStart(join(directory, path), longestAttributes)))
  if (!texts.some(({ text }) => text.includes('export-ignore'))) return []
  const files = await git(['ls-files', '-z'])
  const folders = new Set(files.flatMap(foldersOf))
  // as git-archive(1) asks: a folder has a slash at its end, and what is in one that is left out is not asked for
  const fields = await git(
    ['check-attr', '-z', '--stdin', 'export-ignore'],
    [...folders, ...files].map((path) => `${path}\0`).join(''),
  )
  const out = new Set(fields.filter((_, index) => index % 3 === 0 && fields[index + 2] === 'set'))
  return files.filter((path) => out.has(path) || foldersOf(path).some((folder) => out.has(folder)))
}

/** `a/`, `a/b/` of a/b/c. */
const foldersOf = (path: string): string[] =>
  path
    .split('/')
    .slice(0, -1)
    .map((_, index, names) => `${names.slice(0, index + 1).join('/')}/`)
