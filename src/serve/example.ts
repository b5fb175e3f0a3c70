import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gitCredentialsFile } from '../credentials.js'
import type { Config } from '../config.js'
import { gitFailure } from '../git-failure.js'
import type { App } from '../store/apps.js'
import { Example } from '../store/example.js'
import { openStore, type Store } from '../store/store.js'
import { home } from './paths.js'

const name = 'hello-node'
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
  const child = spawn('git', args, { cwd, env, stdio: ['ignore', 2, 'pipe'] })
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    process.stderr.write(chunk)
    said = (said + chunk.toString()).slice(-4000)
  })
  const [code] = (await once(child, 'close').catch((error: unknown) => {
    throw gitFailure(args, (error as NodeJS.ErrnoException).code ?? null, said)
  })) as [number | null]
  if (code !== 0) throw gitFailure(args, code, said)
}

/** The app that is to get the example's push; null when there is none, or it has one, or what it has is not ours. */
async function wanting(store: Store, example: Example): Promise<App | null> {
  const record = await example.get()
  if (record?.pushed === true) return null
  if (record === null) {
    // an instance with apps has had its first start: nothing is put among what its owner made, or took away
    const [first, ...others] = await store.apps.list()
    // killed before it was written down, bin/up left it empty
    const left = others.length === 0 && first?.name === name && (await store.operations.list(first.id)).length === 0
    const made = first === undefined ? await store.apps.create(name) : left ? first : null
    await example.put({ app: made?.id ?? null, pushed: made === null })
    return made
  }
  const app = record.app === null ? null : await store.apps.find(record.app)
  const untouched = app !== null && (await store.operations.list(app.id)).every(({ status }) => status !== 'succeeded')
  if (!untouched) await example.put({ ...record, pushed: true })
  return untouched ? app : null
}

/**
 * Pushes examples/hello-node as a person would, at an instance's first start and never again: not over what its owner has
 * pushed there since, and not when they have destroyed it.
 * @returns the example's URL, if it is still there
 * @throws BerthError `broken` when the push fails: the next `bin/up` tries again
 */
export async function pushExample(config: Config, say: (line: string) => void): Promise<string | null> {
  await using store = await openStore(config, false)
  const example = new Example(store.redis)
  const app = await wanting(store, example)
  if (app) {
    say(`Pushing examples/${name}`)
    await push(config, app)
    await example.put({ app: app.id, pushed: true })
  }
  const { app: id } = (await example.get()) ?? { app: null }
  const now = id === null ? null : await store.apps.find(id)
  return now && config.appUrl(now)
}

async function push(config: Config, app: App): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-example-'))
  try {
    await cp(join(home, 'examples', name), dir, { recursive: true })
    await git(dir, 'init', '--quiet', '--initial-branch=main')
    await git(dir, 'add', '--all')
    await git(dir, 'commit', '--quiet', '--message=Say hello')
    const helper = `credential.helper=store --file=${gitCredentialsFile()}`
    await git(dir, '-c', helper, 'push', `${config.url}/${app.name}.git`, 'main')
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
