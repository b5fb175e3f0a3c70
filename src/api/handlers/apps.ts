import { BerthError, is } from '../../errors.js'
import type { App } from '../../store/apps.js'
import type { HandlersOf } from '../handler.js'
import { randomName } from '../names.js'
import type { Platform } from '../platform.js'
import { viewApp, viewOperation } from '../views.js'
import { readFormation } from './formation.js'

// what git-check-ref-format(1) allows, and nothing that needs quoting in a shell
const branchName = /^(?!.*(\.\.|\/\/|\.lock$|\.lock\/|\/\.|\/$|\.$))[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}$/

const noBranch = (name: string): BerthError =>
  new BerthError('invalid', `"${name.slice(0, 80)}" is not a branch name`, 'name a branch as `git branch` shows it')

export function appHandlers(platform: Platform): HandlersOf<'apps'> {
  const { config, store } = platform

  const createRandom = async (): Promise<App> => {
    for (;;) {
      try {
        return await store.apps.create(randomName())
      } catch (error) {
        if (!is(error, 'conflict')) throw error
      }
    }
  }

  return {
    list: async () => (await store.apps.list()).map((app) => viewApp(config, app)),

    create: async ({ name }) => viewApp(config, await (name === undefined ? createRandom() : store.apps.create(name))),

    info: async ({ app: name }) => {
      const app = await store.apps.get(name)
      const release = await store.releases.current(app)
      return {
        ...viewApp(config, app),
        description: release.description,
        commit: release.commit,
        formation: readFormation(release),
      }
    },

    update: async ({ app: name, name: newName, deployBranch }) => {
      const { id, name: old } = await store.apps.get(name)
      if (deployBranch != null && !branchName.test(deployBranch)) throw noBranch(deployBranch)
      const app = await store.apps.update(id, {
        ...(deployBranch !== undefined && { deployBranch }),
        ...(newName !== undefined && { name: newName }),
      })
      if (newName === undefined || newName === old) return { app: viewApp(config, app), deploy: null }
      // the hostname has moved along; the worker says when the router knows
      const deploy = await platform.submit(app, { kind: 'rename' })
      return { app: viewApp(config, app), deploy: viewOperation(deploy, app.name) }
    },

    destroy: async ({ app: name, confirm }) => {
      const app = await store.apps.get(name)
      if (confirm !== app.name)
        throw new BerthError(
          'invalid',
          `"${confirm.slice(0, 80)}" is not the name of the app to destroy, "${app.name}"`,
          'repeat the name of the app to confirm',
        )
      return viewOperation(await platform.submit(app, { kind: 'destroy' }), app.name)
    },
  }
}
