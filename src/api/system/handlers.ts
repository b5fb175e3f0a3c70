import { version } from '../../version.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'

export const systemHandlers = ({ store }: ControlApiDeps): HandlersOf<'system'> => ({
  health: async () => {
    await store.redis.ping()
    return { status: 'ok', version }
  },
})
