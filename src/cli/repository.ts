import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { gitCredentialsFile, writeGitCredentials, type Credentials } from '../credentials.js'
import { gitFailure } from '../git-failure.js'
import { UsageError } from './failure.js'

const execute = promisify(execFile)

interface Failed extends Error {
  /** An exit code, or why git could not be started. */
  readonly code: number | string | null
  readonly stderr: string
}

/** Runs git in the current directory. @throws BerthError in words for a person */
async function must(...args: string[]): Promise<string> {
  try {
    return (await execute('git', args)).stdout
  } catch (error) {
    const { code, stderr } = error as Failed
    throw gitFailure(args, code, stderr)
  }
}

/** The same; null when it says no, or is not there to be asked. */
async function git(...args: string[]): Promise<string | null> {
  try {
    return (await execute('git', args)).stdout
  } catch {
    return null
  }
}

/** The current repository's remotes, by name; empty outside of one. */
export async function remotes(): Promise<Map<string, string>> {
  const lines = (await git('config', '--get-regexp', '^remote\\..*\\.url$')) ?? ''
  return new Map(
    lines.split('\n').flatMap((line): [string, string][] => {
      const [, name = '', url = ''] = /^remote\.(.+)\.url (.+)$/.exec(line) ?? []
      return name === '' ? [] : [[name, url]]
    }),
  )
}

export const inRepository = async (): Promise<boolean> => (await git('rev-parse', '--git-dir')) !== null

/** The app a remote's URL leads to, if it is on this Berth. */
export function appOfRemote(remote: string, berth: string): string | null {
  if (!URL.canParse(remote)) return null
  const { origin, pathname } = new URL(remote)
  return origin === new URL(berth).origin ? (/^\/([^/]+?)(?:\.git)?\/?$/.exec(pathname)?.[1] ?? null) : null
}

/** Where an app of this Berth is pushed to. */
export const gitUrlOf = (app: string, berth: string): string => `${berth}/${app}.git`

/**
 * The app of the current directory: the remote `berth`, else any remote that leads to this Berth.
 * @throws UsageError when several remotes lead to different apps
 */
export async function currentApp(berth: string): Promise<string | null> {
  const all = await remotes()
  const found = new Map([...all].map(([name, url]) => [name, appOfRemote(url, berth)]))
  const preferred = found.get('berth')
  if (preferred) return preferred
  const apps = new Set([...found.values()].filter((app) => app !== null))
  if (apps.size > 1)
    throw new UsageError(
      `this repository's remotes lead to several apps: ${[...apps].join(', ')}`,
      'say which with `-a APP`',
    )
  return [...apps][0] ?? null
}

/** Points a remote at an app, and git at the token for it: in this repository's own configuration and nowhere else. */
export async function setRemote(credentials: Credentials, name: string, gitUrl: string): Promise<void> {
  await writeGitCredentials(credentials)
  const file = `'${gitCredentialsFile().replaceAll("'", "'\\''")}'`
  const helper = `credential.${credentials.url}.helper`
  const known = (await remotes()).has(name)
  const steps = [
    known ? ['remote', 'set-url', name, gitUrl] : ['remote', 'add', name, gitUrl],
    // an empty one first makes git forget helpers set elsewhere, which may know an older token (gitcredentials(7))
    ['config', '--local', '--replace-all', helper, ''],
    ['config', '--local', '--add', helper, `store --file=${file}`],
    ...(credentials.ca === undefined
      ? []
      : [['config', '--local', `http.${credentials.url}.sslCAInfo`, credentials.ca]]),
    // a proxy of the environment does not know this machine's own names
    ...(new URL(gitUrl).hostname.endsWith('.localhost') ? [['config', '--local', `remote.${name}.proxy`, '']] : []),
  ]
  for (const step of steps) await must(...step)
}
