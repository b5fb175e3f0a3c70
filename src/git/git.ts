import { spawn } from 'node:child_process'

/** What git sees of our environment: nobody's configuration, no prompts, one language. */
const base = { GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C.UTF-8' }

export interface GitOutcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs git in a repository, with nothing of our environment but PATH. Resolves with whatever it answered. */
export async function git(
  repository: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<GitOutcome> {
  const child = spawn('git', ['-c', 'safe.directory=*', ...args], {
    cwd: repository,
    env: { PATH: process.env.PATH, HOME: '/nonexistent', ...base, GIT_DIR: repository, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  return { code, stdout: Buffer.concat(out).toString().trim(), stderr: Buffer.concat(err).toString().trim() }
}

/** The same; anything but exit code 0 throws with git's words. @returns stdout */
export async function must(
  repository: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, stdout, stderr } = await git(repository, args, env)
  if (code !== 0) throw new Error(`git ${args[0] ?? ''}: ${stderr.split('\n').at(-1) ?? `exit code ${String(code)}`}`)
  return stdout
}

/**
 * node-git-server gives its children our environment. Called once when the api process starts: nothing of a daemon's
 * surroundings may steer git or its hooks.
 */
export function scrubEnvironment(env: NodeJS.ProcessEnv = process.env): void {
  for (const name of Object.keys(env)) if (name.startsWith('GIT_')) Reflect.deleteProperty(env, name)
  Object.assign(env, base)
}
