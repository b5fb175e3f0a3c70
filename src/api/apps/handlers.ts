import { BerthError, is } from '../../errors.js'
import type { App } from '../../store/apps.js'
import { placesOfVolumes } from '../../store/mounts.js'
import type { Store } from '../../store/store.js'
import type { HandlersOf } from '../handler.js'
import { randomName } from './random-name.js'
import type { ControlApiDeps } from '../platform.js'
import { volumesOf } from '../storage/handlers.js'
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

/** What is in volumes is nowhere else. @throws BerthError `conflict` */
async function refuseVolumes(platform: ControlApiDeps, app: App): Promise<void> {
  const names = await volumesOf(platform, app).then(
    (volumes) => volumes.filter(({ createdAt }) => createdAt !== null).map(({ name }) => name),
    async (error: unknown) => {
      if (!is(error, 'unavailable')) throw error
      // an engine that is away would keep the app for ever: what its release names is there, most likely
      const places = placesOfVolumes(await platform.store.releases.current(app))
      return [...new Set(places.map(({ name }) => name))]
    },
  )
  if (names.length === 0) return
  const one = names.length === 1
  throw new BerthError(
    'conflict',
    `${app.name} has the volume${one ? '' : 's'} ${names.slice(0, 10).join(', ')}, and what is in ${one ? 'it' : 'them'} would be lost`,
    'copy what you want to keep with `berth storage:cp`, then destroy the app with --volumes',
  )
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

    destroy: async ({ confirm, volumes }, { app, caller }) => {
      if (confirm !== app.name)
        throw new BerthError(
          'invalid',
          `"${confirm.slice(0, 80)}" is not the name of the app to destroy, "${app.name}"`,
          'repeat the name of the app to confirm',
        )
      if (!volumes) await refuseVolumes(platform, app)
      return submitChange(platform, app, { kind: 'destroy' }, caller)
    },
  }
}
