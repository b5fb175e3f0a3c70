import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { gitFailure } from '../../git-failure.js'
import { allOf } from '../../lib/all-of.js'
import { UsageError } from '../failure.js'
import { outsideEnvironment, type Workspace } from './workspace.js'

const execute = promisify(execFile)

/** Bytes of a list of files. */
const maxList = 64 * 1024 * 1024
/** Paths that a message names. */
const named = 3

/**
 * The tree of a directory: what `git add --all` would take there, `.gitignore` heeded. In a repository's directory, files that
 * were committed although they are ignored count too. What has not changed since the last time is not read.
 * @returns the tree's id
 * @throws UsageError when there is nothing, or a repository within
 */
export async function treeOfDirectory(workspace: Workspace, directory: string): Promise<string> {
  const env = { GIT_WORK_TREE: directory }
  const asWorkTree = ['-c', 'core.bare=false', '-C', directory]
  const [ignored] = await allOf([
    committedThoughIgnored(directory),
    workspace.git([...asWorkTree, '-c', 'advice.addEmbeddedRepo=false', 'add', '--all', '--', '.'], { env }),
  ])
  if (ignored !== '')
    await workspace.git(
      [...asWorkTree, '--literal-pathspecs', 'add', '--force', '--pathspec-from-file=-', '--pathspec-file-nul'],
      { env, input: ignored },
    )
  const [, tree] = await allOf([refuseEmbedded(workspace, directory), workspace.git(['write-tree'])])
  return tree
}

/** NUL-terminated, in the form git takes them; empty where there is no repository. */
async function committedThoughIgnored(directory: string): Promise<string> {
  const list = ['-c', 'core.fsmonitor=false', 'ls-files', '-z']
  const args = [...list, '--cached', '--ignored', '--exclude-standard']
  const options = { cwd: directory, maxBuffer: maxList, env: { ...outsideEnvironment(), LC_ALL: 'C' } }
  const listed = await execute('git', args, options).catch((error: unknown) => {
    const { code, stderr } = error as { code: number | string | null; stderr: string }
    if (/not a git repository/.test(stderr)) return { stdout: '' }
    throw gitFailure(args, code, stderr) // what it had to say of its files would be missing without a word
  })
  if (listed.stdout === '') return ''
  const deleted = await execute('git', [...list, '--deleted'], options)
  const gone = new Set(deleted.stdout.split('\0'))
  return listed.stdout
    .split('\0')
    .filter((path) => path !== '' && !gone.has(path))
    .map((path) => `${path}\0`)
    .join('')
}

/** A repository within is a link to a commit in git's eyes: the server would get none of its files. */
async function refuseEmbedded(workspace: Workspace, directory: string): Promise<void> {
  const entries = (await workspace.git(['ls-files', '--stage', '-z'])).split('\0').filter((entry) => entry !== '')
  if (entries.length === 0) throw new UsageError(`${directory} has nothing to deploy`, 'is everything in it ignored?')
  const embedded = entries
    .filter((entry) => entry.startsWith('160000 '))
    .map((entry) => entry.slice(entry.indexOf('\t') + 1))
  if (embedded.length > 0)
    throw new UsageError(
      `${embedded.slice(0, named).join(', ')}${embedded.length > named ? ' and more' : ''}: a git repository of its own`,
      'take its .git away, ignore it (.gitignore), or push with git, which knows submodules',
    )
}
