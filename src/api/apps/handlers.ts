import { BerthError, is } from '../../errors.js'
import type { App } from '../../store/apps.js'
import type { Store } from '../../store/store.js'
import type { HandlersOf } from '../handler.js'
import { randomName } from './random-name.js'
import type { ControlApiDeps } from '../platform.js'
import { submitChange } from '../submit.js'
import { viewApp } from '../views.js'
import { readFormation } from '../formation/handlers.js'

// what git-check-ref-format(1) allows, and nothing that needs quoting in a shell
const branchName = /^(?!.*(\.\.|\/\/|\.lock$|\.lock\/|\/\.|\/$|\.$))[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}$/

const noBranch = (name: string): BerthError =>
  new BerthError('invalid', `"${name.slice(0, 80)}" is not a branch name`, 'name a branch as `git branch` shows it')

/** An app of a name that nobody has. */
async function createRandom(store: Store): Promise<App> {
  for (;;) {
    try {
      return await store.apps.create(randomName())
    } catch (error) {
      if (!is(error, 'conflict')) throw error
    }
  }
}

export function appHandlers(platform: ControlApiDeps): HandlersOf<'apps'> {
  const { config, store } = platform

  return {
    list: async (_, { url }) => (await store.apps.list()).map((app) => viewApp(config, app, url)),

    create: async ({ name }, { url }) =>
      viewApp(config, await (name === undefined ? createRandom(store) : store.apps.create(name)), url),

    info: async (_, { app, url }) => {
      const release = await store.releases.current(app)
      const { description, commit } = release
      return {
        ...viewApp(config, app, url),
        description,
        commit,
        source: app.gitSource ?? null,
        formation: readFormation(release),
      }
    },

    update: async ({ name: newName, deployBranch }, { app: { id, name: old }, caller, url }) => {
      if (deployBranch != null && !branchName.test(deployBranch)) throw noBranch(deployBranch)
      const app = await store.apps.update(id, {
        ...(deployBranch !== undefined && { deployBranch }),
        ...(newName !== undefined && { name: newName }),
      })
      const view = viewApp(config, app, url)
      if (newName === undefined || newName === old) return { app: view, operation: null }
      // the hostname has moved along; the worker says when the router knows
      return { app: view, operation: await submitChange(platform, app, { kind: 'rename' }, caller) }
    },

    destroy: ({ confirm }, { app, caller }) => {
      if (confirm !== app.name)
        throw new BerthError(
          'invalid',
          `"${confirm.slice(0, 80)}" is not the name of the app to destroy, "${app.name}"`,
          'repeat the name of the app to confirm',
        )
      return submitChange(platform, app, { kind: 'destroy' }, caller)
    },
  }
}
