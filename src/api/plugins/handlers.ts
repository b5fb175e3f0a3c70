import { changePlugin, findPlugin, listPlugins, type KnownPlugin } from '../../plugins/catalog.js'
import { installPlugin, uninstallPlugin, updatePlugin } from '../../plugins/install.js'
import { own } from '../../lib/own.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import type { PluginInfo, PluginView } from './contract.js'

/** Whether a process is there, somebody else's too; kill(2). */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function stateOf({ record, untouched, state }: KnownPlugin): PluginView['state'] {
  if (untouched) return 'available'
  if (!record.enabled) return 'disabled'
  if (state?.revision !== record.revision) return 'enabled'
  if (state.state === 'failed') return 'failed'
  return state.state === 'running' && isAlive(state.pid) ? 'running' : 'enabled'
}

function view(known: KnownPlugin): PluginView {
  const { name, kind, version, source } = known.record
  const state = stateOf(known)
  const failure = state === 'failed' ? (known.state?.why ?? null) : null
  return { name, kind, version, source: source.type, state, failure }
}

const info = (known: Awaited<ReturnType<typeof findPlugin>>): PluginInfo => {
  const { source, requires, settings } = known.record
  const { from, pin } = source.type === 'berth' ? { from: null, pin: null } : source
  const shown = view(known)
  return {
    ...shown,
    failure: known.problem ?? shown.failure,
    ...{ from, pin, requires: [...requires] },
    settings: known.settings.map((setting) => {
      const value = own(settings, setting.name)
      return { ...setting, value: setting.secret ? null : (value ?? null), set: value !== undefined }
    }),
  }
}

export const pluginHandlers = ({ config, store }: ControlApiDeps): HandlersOf<'plugins'> => ({
  list: async () => (await listPlugins(store)).map(view),

  info: async ({ plugin }) => info(await findPlugin(store, plugin)),

  install: async ({ from }) => {
    const name = await installPlugin({ config, store }, from)
    return info(await findPlugin(store, name))
  },

  update: async ({ plugin }) => {
    await updatePlugin({ config, store }, plugin)
    return info(await findPlugin(store, plugin))
  },

  uninstall: async ({ plugin }) => {
    const was = await findPlugin(store, plugin)
    await uninstallPlugin({ config, store }, plugin)
    return view(was)
  },

  change: async ({ plugin, enabled, settings }) => {
    await changePlugin(store, plugin, { enabled, settings })
    return info(await findPlugin(store, plugin))
  },
})
