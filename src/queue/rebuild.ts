import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { isBuild } from '../changes/index.js'
import type { Config } from '../config.js'
import { BerthError, messageOf } from '../errors.js'
import type { App } from '../store/apps.js'
import { newOperationId, type Asker, type Operation } from '../store/operations.js'
import { imagesOf } from '../store/releases.js'
import type { Store } from '../store/store.js'
import { operationFiles, indexOf, removeSource, removeSourceTree } from '../builds/files.js'
import { exportedCommit } from '../builds/submodules.js'
import { submit } from './submit.js'
import type { OperationDeps } from './deps.js'

/** Images that went missing are looked for this often. Milliseconds. */
const roundMs = 30_000

/**
 * Writes the tree of a commit that an app's repository holds to where a push would have put it.
 * @throws BerthError `missing` when the repository does not hold it, or not whole
 */
export async function checkOut(config: Config, app: App, commit: string, directory: string): Promise<void> {
  await removeSourceTree(directory)
  await mkdir(directory, { mode: 0o750, recursive: true })
  const repository = join(config.root, 'git', `${app.id}.git`)
  const exported = await exportedCommit(repository, commit)
  const env = {
    ...{ PATH: process.env.PATH, LC_ALL: 'C.UTF-8', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' },
    GIT_DIR: repository,
    GIT_WORK_TREE: directory,
    GIT_INDEX_FILE: indexOf(directory),
    ...exported.env,
  }
  const git = (...args: string[]) =>
    promisify(execFile)('git', ['-c', 'safe.directory=*', '-c', 'core.bare=false', ...args], {
      env,
      cwd: directory,
      maxBuffer: 2 ** 28,
    })
  try {
    await git('read-tree', '--reset', '-u', exported.commit)
    if (/^160000 /m.test((await git('ls-files', '--stage')).stdout)) throw new Error('its submodules are not kept here')
  } catch (error) {
    await removeSourceTree(directory)
    throw new BerthError(
      'missing',
      `the repository of ${app.name} does not give commit ${commit.slice(0, 7)}: ${messageOf(error).trim().split('\n').at(-1) ?? ''}`,
      'push it again',
      error,
    )
  }
}

/**
 * Has the commit that an app runs built again, from the app's own repository, and released as a push is.
 * @throws BerthError `conflict` when nothing was ever pushed, `missing` when the repository does not hold it
 */
export async function rebuild(
  { config, store }: Pick<OperationDeps, 'config' | 'store'>,
  app: App,
  by: Asker | null = null,
): Promise<Operation> {
  const { commit } = await store.releases.get(app.id, app.current)
  if (commit === null)
    throw new BerthError('conflict', `${app.name} has nothing to build again`, 'push it first: `git push berth main`')
  const id = newOperationId()
  await checkOut(config, app, commit, operationFiles(config, id).source)
  try {
    const branch = app.deployBranch ?? 'main'
    return await submit(store, app, { kind: 'push', commit, branch, rebuild: true }, { id, by })
  } catch (error) {
    await removeSource(config, id)
    throw error
  }
}

/** True when the engine does not have the image that an app is to run, and nobody is about to change that. */
async function isMissing({ engine, store }: OperationDeps, app: App, failed: ReadonlySet<string>): Promise<boolean> {
  if (app.current === 0 || failed.has(app.id)) return false
  const release = await store.releases.get(app.id, app.current)
  if (release.image === null || release.commit === null || (await store.operations.pending(app.id)).length > 0)
    return false
  const found = await Promise.all(imagesOf(release).map((image) => engine.images.inspect(image)))
  return found.includes(null)
}

/**
 * Builds again what apps are to run and the engine does not have, as after a restore from a backup. What does not build is
 * tried once, and at the next start of the worker.
 */
export function keepImages(deps: Omit<OperationDeps, 'builds' | 'changes'>): Disposable {
  const { store, log } = deps
  const tried = new Set<string>()
  let looking = false
  const look = async (): Promise<void> => {
    for (const app of await store.apps.list()) {
      if (!(await isMissing(deps as OperationDeps, app, tried))) continue
      tried.add(app.id)
      log.warn({ app: app.name }, 'the image of its release is not there: it is built again from its repository')
      await rebuild(deps, app).catch((error: unknown) => log.error({ app: app.name }, messageOf(error)))
    }
    for (const id of [...tried]) if (await isBack(store, id)) tried.delete(id)
  }
  const round = (): void => {
    if (looking) return
    looking = true
    look()
      .catch((error: unknown) => log.debug({ error: messageOf(error) }, 'images not looked for')) // the engine is away
      .finally(() => (looking = false))
  }
  round()
  const rounds = setInterval(round, roundMs)
  return { [Symbol.dispose]: () => clearInterval(rounds) }
}

/** True when an app's last build succeeded: should its image go again, it is built again. */
async function isBack(store: Store, app: string): Promise<boolean> {
  const builds = (await store.operations.list(app)).filter(isBuild)
  return builds[0]?.status === 'succeeded'
}
