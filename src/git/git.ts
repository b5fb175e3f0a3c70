import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { delimiter, dirname, join } from 'node:path'
import { gitSubcommand } from '../git-failure.js'

/** What git sees of an environment: nobody's configuration, no prompts, one language. */
const base = { GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C.UTF-8' }

/** That, and the repository. */
export const bareEnvironment = (repository: string): Record<string, string> => ({
  ...base,
  HOME: '/nonexistent',
  GIT_DIR: repository,
})

/** Of what git says of an error the last this many characters are kept. */
const keptWords = 2000

export interface GitOutcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A git command that failed: its name, and the last line that it said. */
export class GitFailed extends Error {
  readonly stderr: string
  constructor(args: readonly string[], code: number | string | null, stderr: string) {
    const said = stderr.trim().split('\n').at(-1) ?? ''
    super(`git ${gitSubcommand(args)}: ${said === '' ? `ended with ${String(code)} and said nothing` : said}`)
    this.stderr = stderr
  }
}

function start(
  repository: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input: string | undefined,
): ChildProcess {
  // git within its limits, where they are installed: see limits.ts
  const path = [join(dirname(repository), 'bin'), process.env.PATH].join(delimiter)
  const child = spawn('git', ['-c', 'safe.directory=*', ...args], {
    cwd: repository,
    env: { PATH: path, ...bareEnvironment(repository), ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  child.stdin?.on('error', () => undefined) // it may end without reading
  child.stdin?.end(input)
  return child
}

/** Runs git in a repository, with nothing of our environment but PATH. Resolves with whatever it answered. */
export async function git(
  repository: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input?: string,
): Promise<GitOutcome> {
  const child = start(repository, args, env, input)
  const out: Buffer[] = []
  let stderr = ''
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-keptWords)))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  return { code, stdout: Buffer.concat(out).toString().trim(), stderr: stderr.trim() }
}

/** The same; anything but exit code 0 throws `GitFailed`. @returns stdout */
export async function must(
  repository: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input?: string,
): Promise<string> {
  const { code, stdout, stderr } = await git(repository, args, env, input)
  if (code !== 0) throw new GitFailed(args, code, stderr)
  return stdout
}

/**
 * What git prints, a record ended by NUL at a time, as fast as they are taken. Whoever takes no more ends git.
 * @throws GitFailed at the end, RangeError for a record longer than `longest` bytes
 */
export async function* records(
  repository: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  longest: number,
  input?: string,
): AsyncGenerator<Buffer> {
  const child = start(repository, args, env, input)
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  closed.catch(() => undefined) // awaited below, if all is read
  let stderr = ''
  child.stderr?.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-keptWords)))
  try {
    let partial: Buffer = Buffer.alloc(0)
    for await (const chunk of child.stdout ?? []) {
      partial = partial.length === 0 ? (chunk as Buffer) : Buffer.concat([partial, chunk as Buffer])
      let at = 0
      for (let end = partial.indexOf(0, at); end !== -1; end = partial.indexOf(0, at)) {
        yield partial.subarray(at, end)
        at = end + 1
      }
      partial = partial.subarray(at)
      if (partial.length > longest) throw new RangeError('a record of git is too long')
    }
    const [code, signal] = await closed
    if (code !== 0) throw new GitFailed(args, signal ?? code, stderr)
  } finally {
    child.kill('SIGKILL')
  }
}

/**
 * node-git-server gives its children our environment. Called once when the api process starts: nothing of a daemon's
 * surroundings may steer git or its hooks.
 * @param programs directory of the programs that run git within its limits
 */
export function scrubEnvironment(programs: string, env: NodeJS.ProcessEnv = process.env): void {
  for (const name of Object.keys(env)) if (name.startsWith('GIT_')) Reflect.deleteProperty(env, name)
  const others = (env.PATH ?? '').split(delimiter).filter((directory) => !directory.endsWith('/git/bin'))
  Object.assign(env, base, { PATH: [programs, ...others].join(delimiter) })
}
