import { version } from '../../version.js'
import type { HandlersOf } from '../handler.js'
import type { Platform } from '../platform.js'

export const tokenHandlers = ({ store }: Platform): HandlersOf<'tokens'> => ({
  create: async ({ name }) => ({ name, token: (await store.tokens.create(name)).reveal() }),
})

export const systemHandlers = ({ store }: Platform): HandlersOf<'system'> => ({
  health: async () => {
    await store.redis.ping()
    return { status: 'ok', version }
  },
})
