import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'

export const configHandlers = ({ store }: ControlApiDeps): HandlersOf<'config'> => ({
  reach: async (_, { app }) => ({ ...(await store.releases.current(app)).reach }),
  get: async (_, { app }) => ({ ...(await store.releases.current(app)).config }),
})
