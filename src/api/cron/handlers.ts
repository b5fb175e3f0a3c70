import { entryId } from '../../cron/entry.js'
import { BerthError } from '../../errors.js'
import { parseDuration } from '../../lib/duration.js'
import { mostCronEntries, type CronLine } from '../../store/cron.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import { CronEntries, noEntry, viewEntry } from './entries.js'
import { runHandlers } from './runs.js'

export const cronHandlers = (platform: ControlApiDeps): HandlersOf<'cron'> => {
  const entries = new CronEntries(platform.store)
  return { ...entryHandlers(platform, entries), ...addHandler(platform, entries), ...runHandlers(platform, entries) }
}

type ChangeHandlers = Pick<HandlersOf<'cron'>, 'list' | 'remove' | 'pause' | 'resume'>

function entryHandlers({ store }: ControlApiDeps, entries: CronEntries): ChangeHandlers {
  return {
    list: async (_, { app }) => {
      const [all, runs] = await Promise.all([entries.read(app), store.cron.runs(app.id)])
      return Promise.all(all.map((entry) => viewEntry(entry, runs)))
    },

    remove: async ({ entry: id }, { app }) => {
      const before = await entries.view(app, id)
      if (before.source === 'app.json')
        throw new BerthError(
          'conflict',
          `${id} comes with the app, in its app.json`,
          `take it out there and push, or run \`berth cron:pause ${id} -a ${app.name}\``,
        )
      if (!(await store.cron.remove(app.id, id))) throw noEntry(app, id)
      return before
    },

    pause: async ({ entry: id }, { app }) => {
      await entries.find(app, id)
      await store.cron.pause(app.id, id)
      return entries.view(app, id)
    },

    resume: async ({ entry: id }, { app }) => {
      const { paused } = await entries.find(app, id)
      if (paused === 'app.json')
        throw new BerthError(
          'conflict',
          `the app's app.json has ${id} paused ("maintenance": true)`,
          'take that out there and push',
        )
      if (paused !== null) await store.cron.resume(app.id, id)
      return entries.view(app, id)
    },
  }
}

const addHandler = ({ store }: ControlApiDeps, entries: CronEntries): Pick<HandlersOf<'cron'>, 'add'> => ({
  add: async ({ schedule, command, timezone, concurrency, timeout, type }, { app }) => {
    const ms = timeout === undefined ? null : parseDuration(timeout)
    const line: CronLine = {
      ...{ schedule: schedule.trim(), command: command.trim(), timezone, concurrency, type },
      ...(ms === null ? {} : { timeout: ms }),
    }
    const { checkLine } = await import('../../cron/check.js')
    checkLine(line)
    const all = await entries.read(app)
    const id = entryId(app.id, line)
    if (all.some((one) => one.id === id && one.source === 'app.json'))
      throw new BerthError('conflict', `the app's app.json has this entry already, as ${id}`, 'see `berth cron`')
    const declared = all.filter(({ source }) => source === 'app.json').length
    const most = mostCronEntries - declared
    await store.cron.add(app, id, { ...line, createdAt: new Date().toISOString() }, most)
    return entries.view(app, id)
  },
})
