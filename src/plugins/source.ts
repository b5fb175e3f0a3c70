import { createHash } from 'node:crypto'
import { cp, lstat, mkdir, open, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BerthError } from '../errors.js'
import { isMissing } from '../lib/missing.js'
import type { PluginSource } from '../store/plugins.js'
import { execute } from './execute.js'

/** ms that git or npm has. */
const patience = 300_000

/** Files and bytes of a plugin, with all that it depends on. */
const most = { files: 50_000, bytes: 512 * 1024 * 1024 }

type Foreign = Exclude<PluginSource, { type: 'berth' }>

/** A plugin that was fetched. */
export interface Fetched {
  /** Its package, below the directory that was given. */
  readonly path: string
  readonly pin: string
}

const npmName = /^(?:@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*(?:@[\w.+^~<>=* -]{1,60})?$/

/** What kind of place a plugin comes from. @throws BerthError `invalid` of what is none */
export function sourceOf(from: string): Foreign['type'] {
  if (/^(https?|ssh|git):\/\/[^\s]+$/.test(from) || /^[\w.-]+@[\w.-]+:[^\s:-][^\s]*$/.test(from)) return 'git'
  if (from.startsWith('/')) return 'folder'
  if (npmName.test(from)) return 'npm'
  throw new BerthError(
    'invalid',
    `"${from.slice(0, 80)}" is no place that a plugin comes from`,
    'name a folder of the server (/srv/my-plugin), a git URL (https://…#branch), or a package (berth-dns-x@1.2.3)',
  )
}

/**
 * Brings a plugin and what it depends on into a directory. No script of any package is run.
 * @throws BerthError in words for who asked
 */
export async function fetchPlugin(from: string, directory: string): Promise<Fetched> {
  await mkdir(directory, { recursive: true, mode: 0o755 })
  const type = sourceOf(from)
  const fetched = await { folder: fromFolder, git: fromGit, npm: fromNpm }[type](from, directory)
  const path = join(directory, fetched.path)
  if (type !== 'npm') await bringDependencies(path)
  await measure(directory)
  await syncTree(directory)
  return fetched
}

async function fromFolder(from: string, directory: string): Promise<Fetched> {
  try {
    await measure(from)
    await cp(from, directory, { recursive: true, verbatimSymlinks: true })
  } catch (error) {
    if (error instanceof BerthError) throw error
    const { code } = error as NodeJS.ErrnoException
    const why = isMissing(error) ? 'is not there' : `cannot be read by the account berth (${code ?? ''})`
    throw new BerthError('invalid', `the folder ${from} ${why}`, 'name one of the server, all of which others may read')
  }
  return { path: '', pin: await digestOf(directory) }
}

async function fromGit(from: string, directory: string): Promise<Fetched> {
  const at = from.indexOf('#')
  const [url, ref] = at < 0 ? [from, 'HEAD'] : [from.slice(0, at), from.slice(at + 1)]
  if (ref === '' || ref.startsWith('-')) throw new BerthError('invalid', `"${ref}" is no branch, tag or commit`)
  const git = (...args: string[]): Promise<string> => run('git', ['-C', directory, ...args])
  await git('init', '--quiet')
  await git('fetch', '--quiet', '--depth=1', '--no-tags', '--', url, ref)
  await git('-c', 'core.hooksPath=/dev/null', 'checkout', '--quiet', 'FETCH_HEAD')
  const pin = (await git('rev-parse', 'HEAD')).trim()
  await rm(join(directory, '.git'), { recursive: true })
  return { path: '', pin }
}

async function fromNpm(from: string, directory: string): Promise<Fetched> {
  await npm(directory, 'install', '--no-save', '--', from)
  const name = from.replace(/(.)@.*$/, '$1')
  const path = join('node_modules', name)
  const { version } = JSON.parse(await readFile(join(directory, path, 'package.json'), 'utf8')) as { version?: unknown }
  return { path, pin: String(version) }
}

async function bringDependencies(path: string): Promise<void> {
  const text = await readFile(join(path, 'package.json'), 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return '{}'
    throw error
  })
  const has = (await readdir(path)).includes('node_modules')
  const { dependencies = {} } = JSON.parse(text) as { dependencies?: object }
  if (has || Object.keys(dependencies).length === 0) return
  const locked = (await readdir(path)).includes('package-lock.json')
  await npm(path, locked ? 'ci' : 'install')
}

const npm = (directory: string, ...args: string[]): Promise<string> =>
  run('npm', [...args.slice(0, 1), '--prefix', directory, ...quiet, ...args.slice(1)], directory)

const quiet = ['--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund', '--loglevel=error']

async function run(program: string, args: readonly string[], home?: string): Promise<string> {
  const { code, stdout, stderr } = await execute(program, args, {
    patience,
    cwd: home ?? '/',
    env: {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => inherited.test(name))),
      ...{ HOME: home ?? '/nonexistent', GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0' },
      ...{ GIT_ALLOW_PROTOCOL: 'https:http:ssh:git', GIT_SSH_COMMAND: 'ssh -o BatchMode=yes' },
    },
  })
  if (code === 0) return stdout
  const said = (stderr.trim() === '' ? stdout : stderr).trim().split('\n')
  const why = said.filter((line) => line.trim() !== '' && !aside.test(line)).slice(0, 3)
  throw new BerthError('invalid', `${program} ended with ${code ?? 'a signal'}: ${why.join('; ').slice(0, 400)}`)
}

/** What npm says beside why. */
const aside = /^npm (notice|error (code|A complete log|$))/

/** What the machine says of its network. */
const inherited = /^(NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR|(https?|no|all)_proxy|npm_config_registry)$/i

/** @throws BerthError `large` */
async function measure(directory: string): Promise<void> {
  let [files, bytes] = [0, 0]
  const look = async (path: string): Promise<void> => {
    for (const entry of await readdir(path, { withFileTypes: true })) {
      const below = join(path, entry.name)
      files += 1
      bytes += (await lstat(below)).size
      if (files > most.files || bytes > most.bytes)
        throw new BerthError('large', `a plugin has ${most.files} files and ${most.bytes / 2 ** 20} MiB at most`)
      if (entry.isDirectory()) await look(below)
    }
  }
  await look(directory)
}

/** Of names and contents of all files. */
async function digestOf(directory: string): Promise<string> {
  const hash = createHash('sha256')
  for (const path of await filesOf(directory)) hash.update(`${path}\0`).update(await readFile(join(directory, path)))
  return hash.digest('hex').slice(0, 12)
}

async function filesOf(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(directory.length + 1))
    .sort()
}

/** Resolves when the disk has it. */
async function syncTree(directory: string): Promise<void> {
  for (const path of await filesOf(directory)) {
    await using file = await open(join(directory, path), 'r')
    await file.sync()
  }
}
