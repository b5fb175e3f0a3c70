import { version } from '../../version.js'
import type { HandlersOf } from '../handler.js'
import type { Platform } from '../platform.js'

export const systemHandlers = ({ store }: Platform): HandlersOf<'system'> => ({
  health: async () => {
    await store.redis.ping()
    return { status: 'ok', version }
  },
})
