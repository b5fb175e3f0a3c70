import { askerOf } from '../../access/caller.js'
import { BerthError } from '../../errors.js'
import type { App } from '../../store/apps.js'
import type { Store } from '../../store/store.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import { maskedLog } from './masking.js'
import { viewOperation } from '../views.js'

const again = 'follow the log again in a moment'

/** One that is scaled to 0 may have written all the same. @throws BerthError `missing` when no process has that name */
async function checkName(store: Store, app: App, process: string): Promise<void> {
  // what runs at times, or did
  if (/^cron(\.[0-9a-f]{8})?$/.test(process)) return
  const { processTypes } = await store.releases.get(app.id, app.current)
  const [type = '', index = '1', ...more] = process.split('.')
  if (
    Object.hasOwn(processTypes, type) &&
    (type === 'web' ? /^c?[1-9]\d*$/ : /^[1-9]\d*$/).test(index) &&
    more.length === 0
  )
    return
  const types = Object.keys(processTypes)
  throw new BerthError(
    'missing',
    `${app.name} has no process "${process.slice(0, 80)}"`,
    types.length === 0
      ? 'push it first: `git push berth main`'
      : `it has ${types.join(', ')}; name one, or one of it: ${types[0] ?? ''}.1`,
  )
}

export function processHandlers(platform: ControlApiDeps): HandlersOf<'processes'> {
  const { store } = platform

  return {
    list: (_, { app }) => platform.processes(app),

    rebuild: async (_, { app, caller }) => viewOperation(await platform.rebuild(app, askerOf(caller)), app.name),

    logs: async ({ lines, process, follow = false }, { app, signal }) => {
      if (process !== undefined) await checkName(store, app, process)
      return (async function* () {
        let count = 0
        const log = platform.logs(app, { lines, process: process ?? null, follow, signal })
        for await (const line of maskedLog(store, app, log)) {
          count += 1
          yield line
        }
        // followed logs have no end: whoever still reads is told that this process has one
        if (follow && !signal.aborted) throw new BerthError('unavailable', 'the engine stopped telling the log', again)
        if (follow && platform.closing.aborted) throw new BerthError('unavailable', 'Berth is restarting', again)
        return { lines: count }
      })()
    },
  }
}
