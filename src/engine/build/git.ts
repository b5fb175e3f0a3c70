import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { EngineError } from '../errors.js'
import type { BuildSandbox } from '../records.js'
import { removeTree } from '../system/remove.js'

/** A repository, a commit of it and a directory in it: `https://host/x.git#ref:dir`. */
export interface GitRemote {
  readonly url: string
  /** '' is the remote's HEAD. */
  readonly ref: string
  /** '' is all of it. */
  readonly subdirectory: string
}

/** What the daemon lends git: variables of proxies and trust, and the socket of an ssh agent. */
export interface GitSurroundings {
  readonly env: Readonly<Record<string, string>>
  readonly agent: string | undefined
  readonly signal: AbortSignal
  /** Where git runs. */
  readonly sandbox: BuildSandbox
}

/** Nothing else may be spoken, not by a submodule either: a repository must not name files of this machine. */
const protocols = 'git:http:https:ssh'

/**
 * Reads what Docker takes for a git repository: `git://`, `ssh://`, `git@host:path`, `http(s)://….git`, and as a context
 * `github.com/…`. Undefined for anything else. @throws EngineError `invalid` for a ref or directory that cannot be
 */
export function readGitUrl(text: string): GitRemote | undefined {
  const [, address = '', fragment = ''] = /^([^#]*)(?:#(.*))?$/s.exec(text) ?? []
  const known =
    /^(git|ssh):\/\/[^/\s-]/.test(address) ||
    /^[a-z0-9_][\w.-]*@[\w.-]+:/i.test(address) ||
    /^github\.com\//.test(address) ||
    /^https?:\/\/\S+\.git(\?.*)?$/.test(address)
  if (!known || /[\s\0]/.test(address)) return undefined
  const [ref = '', subdirectory = ''] = fragment.split(':', 2)
  if (ref.startsWith('-') || !/^[\w./@{}^~+-]*$/.test(ref) || ref.includes('..'))
    throw new EngineError('invalid', `invalid refspec: "${ref}"`)
  if (/^\/*\.\.(\/|$)/.test(posix.normalize(subdirectory)))
    throw new EngineError('invalid', `error setting git context, "${subdirectory}" not within git root`)
  return { url: address.startsWith('github.com/') ? `https://${address}` : address, ref, subdirectory }
}

/**
 * Fetches one commit, submodules too, into a directory that does not exist yet. Answers with the commit.
 * @throws EngineError `invalid` with git's own words
 */
export async function fetchRepository(
  { url, ref }: GitRemote,
  directory: string,
  around: GitSurroundings,
  keepGitDirectory: boolean,
): Promise<string> {
  await mkdir(directory)
  const git = (...args: string[]): Promise<string> => runGit(directory, args, around)
  await git('init', '--quiet')
  await git('remote', 'add', 'origin', url)
  const wanted = ref === '' ? 'HEAD' : ref
  try {
    await git('fetch', '--quiet', '--depth', '1', '--no-tags', 'origin', wanted)
    await git('checkout', '--quiet', '--detach', 'FETCH_HEAD')
  } catch (error) {
    around.signal.throwIfAborted()
    // a server that sends no single commits, or a protocol that is not shallow: all of it, then what was named
    await git('fetch', '--quiet', '--tags', 'origin', '+refs/heads/*:refs/remotes/origin/*')
    // the first reason is the one that tells
    await git('checkout', '--quiet', '--detach', wanted === 'HEAD' ? 'FETCH_HEAD' : wanted).catch(() => {
      throw error
    })
  }
  await git('submodule', '--quiet', 'update', '--init', '--recursive', '--depth', '1')
  const commit = await git('rev-parse', 'HEAD')
  if (!keepGitDirectory) await removeTree(join(directory, '.git'))
  return commit.trim()
}

const outOfMemory = ({ memory }: BuildSandbox): string =>
  `git ran out of memory: a build may take ${String(Math.floor(memory / 2 ** 20))} MiB (BERTH_BUILD_MEMORY)`

const gitSettings = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'credential.helper=',
  'advice.detachedHead=false',
].flatMap((setting) => ['-c', setting])

const environmentOf = ({ env, agent }: GitSurroundings): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH ?? '/usr/bin:/bin',
  ...env,
  HOME: '/nonexistent',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ALLOW_PROTOCOL: protocols,
  GIT_SSH_COMMAND: 'ssh -F /dev/null -o BatchMode=yes -o IdentityFile=/dev/null',
  ...(agent === undefined ? {} : { SSH_AUTH_SOCK: agent }),
})

/** Runs git with no configuration but what is said here, no prompt and no keys of the host's. */
async function runGit(cwd: string, args: readonly string[], surroundings: GitSurroundings): Promise<string> {
  const { signal, sandbox } = surroundings
  const [program, ...words] = await sandbox.around(['git', ...gitSettings, ...args])
  signal.throwIfAborted()
  const child = spawn(program, words, {
    cwd,
    detached: true, // a group of its own, so that the programs git starts end with it
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environmentOf(surroundings),
  })
  const kill = (): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
  }
  signal.addEventListener('abort', kill)
  let out = ''
  let complaint = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-4096)))
  return new Promise((resolve, reject) => {
    const settle = (work: () => void): void => {
      signal.removeEventListener('abort', kill)
      work()
    }
    child.once('error', (error) =>
      settle(() => reject(new EngineError('broken', `unable to find 'git': ${error.message}`, error))),
    )
    child.once('close', (code) =>
      settle(() => {
        if (signal.aborted) reject(signal.reason as Error)
        else if (code === 0) resolve(out)
        else if (sandbox.fetchRanOut()) reject(new EngineError('invalid', `error fetching: ${outOfMemory(sandbox)}`))
        else reject(new EngineError('invalid', `error fetching: ${complaint.trim()}`))
      }),
    )
  })
}
