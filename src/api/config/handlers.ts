import type { HandlersOf } from '../handler.js'
import type { Platform } from '../platform.js'

export const configHandlers = ({ store }: Platform): HandlersOf<'config'> => ({
  get: async (_, { app }) => ({ ...(await store.releases.current(app)).config }),
})
