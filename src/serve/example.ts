import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gitCredentialsFile } from '../cli/credentials.js'
import type { Config } from '../config.js'
import { BerthError, is } from '../errors.js'
import { openStore } from '../store/store.js'
import { home } from './paths.js'

const app = 'hello-node'
/** Fixed, so that the same example is the same commit and a second push finds everything up to date. */
const when = '2026-01-01T00:00:00Z'

async function git(cwd: string, ...args: string[]): Promise<void> {
  const who = { name: 'Berth', email: 'berth@localhost', date: when }
  const env = {
    ...process.env,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    ...{ GIT_AUTHOR_NAME: who.name, GIT_AUTHOR_EMAIL: who.email, GIT_AUTHOR_DATE: who.date },
    ...{ GIT_COMMITTER_NAME: who.name, GIT_COMMITTER_EMAIL: who.email, GIT_COMMITTER_DATE: who.date },
  }
  const child = spawn('git', args, { cwd, env, stdio: ['ignore', 2, 2] })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0)
    throw new BerthError('broken', `git ${args[0] ?? ''} ended with ${String(code)}`, 'its output is above')
}

/** Pushes examples/hello-node as a person would. @returns its URL */
export async function pushExample(config: Config, say: (line: string) => void): Promise<string> {
  await using store = await openStore(config, false)
  try {
    await store.apps.get(app)
  } catch (error) {
    if (!is(error, 'missing')) throw error
    await store.apps.create(app)
  }
  say(`Pushing examples/${app}`)
  const dir = await mkdtemp(join(tmpdir(), 'berth-example-'))
  try {
    await cp(join(home, 'examples', app), dir, { recursive: true })
    await git(dir, 'init', '--quiet', '--initial-branch=main')
    await git(dir, 'add', '--all')
    await git(dir, 'commit', '--quiet', '--message=Say hello')
    const helper = `credential.helper=store --file=${gitCredentialsFile()}`
    await git(dir, '-c', helper, '-c', 'push.default=current', 'push', '--force', `${config.url}/${app}.git`, 'main')
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
  return config.appUrl(app)
}
