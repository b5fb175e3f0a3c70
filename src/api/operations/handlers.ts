import { isBuild } from '../../changes/index.js'
import { BerthError, is } from '../../errors.js'
import type { App } from '../../store/apps.js'
import { isOver, type Operation } from '../../store/operations.js'
import type { OperationView } from '../contract.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import { viewOperation } from '../views.js'

export function buildHandlers(platform: ControlApiDeps): HandlersOf<'builds'> {
  const { store } = platform

  const list = async (app: App): Promise<Operation[]> => (await store.operations.list(app.id)).filter(isBuild)

  const find = async (app: App, id: string): Promise<Operation> => {
    const build = (await list(app)).find((build) => id === 'latest' || build.id === id)
    if (build) return build
    throw id === 'latest'
      ? new BerthError('missing', `${app.name} has no builds yet`, 'push it first: `git push berth main`')
      : new BerthError('missing', `${app.name} has no build ${id.slice(0, 40)}`, 'run `berth builds` to see them all')
  }

  return {
    list: async (_, { app }) => (await list(app)).map((build) => viewOperation(build, app.name)),

    info: async ({ build }, { app }) => viewOperation(await find(app, build), app.name),

    cancel: async ({ build }, { app, caller }) => {
      const { id } = await find(app, build)
      return viewOperation(await store.operations.cancel(id, caller.name), app.name)
    },

    purge: async (_, { app }) => ({ freed: await platform.purgeCaches(app) }),

    output: async ({ build: id, follow = false }, { app, signal }) => {
      const build = await find(app, id)
      return (async function* () {
        for await (const { text } of platform.operationLog(build, { follow, signal })) yield text
        // a text has no verdict: that it is whole must be true
        await verdict(platform, viewOperation(build, app.name), follow)
      })()
    },
  }
}

export function operationHandlers(platform: ControlApiDeps): HandlersOf<'operations'> {
  const { store } = platform

  return {
    info: async ({ operation: id }, { app }) => {
      const operation = await store.operations.get(id)
      return viewOperation(operation, app?.name ?? operation.app)
    },

    log: async ({ operation: id, follow = false, from = 0 }, { app, signal }) => {
      const operation = await store.operations.get(id)
      const before = viewOperation(operation, app?.name ?? operation.app)
      return (async function* () {
        yield* platform.operationLog(operation, { from, follow, signal })
        return await verdict(platform, before, follow)
      })()
    },
  }
}

/**
 * How an operation ended, or with `follow` false where it stands. An app that is destroyed takes its operations along.
 * @throws BerthError `unavailable` when it goes on and is followed no more, as when this process ends
 */
async function verdict({ store }: ControlApiDeps, before: OperationView, follow: boolean): Promise<OperationView> {
  try {
    const now = viewOperation(await store.operations.get(before.id), before.app)
    if (!follow || isOver(now.status)) return now
  } catch (error) {
    if (!is(error, 'missing')) throw error
    const destroyed = before.kind === 'destroy'
    const finishedAt = new Date().toISOString()
    return destroyed
      ? { ...before, finishedAt, status: 'succeeded' }
      : { ...before, finishedAt, status: 'failed', failure: 'the app was destroyed' }
  }
  throw new BerthError('unavailable', 'Berth stopped following the change, which goes on', 'follow it again')
}
