import { askerOf } from '../../access/caller.js'
import { BerthError } from '../../errors.js'
import type { App } from '../../store/apps.js'
import { isOverRun, type CronRun } from '../../store/cron.js'
import { newOperationId } from '../../store/operations.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import { maskedLog } from '../processes/masking.js'
import { viewRun, type CronEntries } from './entries.js'

const noRun = ({ name }: App, entry: string, run: string): BerthError =>
  new BerthError(
    'missing',
    run === 'latest' ? `${entry} has not run yet` : `no run ${run} is known: it is long over`,
    `\`berth cron:log ${entry} -a ${name}\` lists those that are`,
  )

const stopRuns =
  ({ store }: ControlApiDeps, entries: CronEntries): HandlersOf<'cron'>['stop'] =>
  async ({ entry }, { app, caller }) => {
    const runs = (await store.cron.runs(app.id)).filter((run) => run.entry === entry)
    if (runs.length === 0) await entries.find(app, entry)
    const why = `${askerOf(caller)?.name ?? 'somebody'} ended it`
    const going = runs.filter((run) => !isOverRun(run)).map(({ id }) => store.cron.stop(app.id, id, why))
    const stopped = (await Promise.all(going)).filter((run) => run !== null)
    if (stopped.length === 0)
      throw new BerthError(
        'conflict',
        `${entry} does not run now`,
        `\`berth cron:log ${entry} -a ${app.name}\` lists its runs`,
      )
    return stopped.map(viewRun)
  }

const wantRun =
  ({ store }: ControlApiDeps, entries: CronEntries): HandlersOf<'cron'>['run'] =>
  async ({ entry: id }, { app, caller }) => {
    const entry = await entries.find(app, id)
    const release = await store.releases.current(app)
    if (release.image === null)
      throw new BerthError('conflict', `${app.name} has nothing to run yet`, 'push it first: `git push berth main`')
    const other = (await store.cron.runs(app.id)).find((run) => run.entry === id && !isOverRun(run))
    if (entry.concurrency === 'forbid' && other !== undefined)
      throw new BerthError(
        'conflict',
        `${id} runs already, since ${other.startedAt ?? other.createdAt}, and two are not to run at once`,
        `\`berth cron:log ${id} -f -a ${app.name}\` shows it; "concurrency_policy": "allow" would have both run`,
      )
    const run: CronRun = {
      ...{ id: `${id}.${newOperationId()}`, entry: id, command: entry.command, due: null, by: askerOf(caller) },
      ...{ status: 'queued', createdAt: new Date().toISOString(), startedAt: null, finishedAt: null },
      ...{ release: null, exit: null, failure: null },
    }
    await store.cron.want(app.id, run)
    return viewRun(run)
  }

/** What is asked of the runs of entries. */
export function runHandlers(
  platform: ControlApiDeps,
  entries: CronEntries,
): Pick<HandlersOf<'cron'>, 'run' | 'stop' | 'runs' | 'output'> {
  const { store } = platform
  return {
    run: wantRun(platform, entries),

    stop: stopRuns(platform, entries),

    runs: async ({ entry }, { app }) => {
      const runs = (await store.cron.runs(app.id)).filter((run) => run.entry === entry)
      if (runs.length === 0) await entries.find(app, entry)
      return runs.map(viewRun)
    },

    output: async ({ entry, run: given, follow = false }, { app, signal }) => {
      const runs = (await store.cron.runs(app.id)).filter((run) => run.entry === entry)
      const run = given === 'latest' ? runs[0] : runs.find(({ id }) => id === given)
      if (!run) {
        await entries.find(app, entry)
        throw noRun(app, entry, given)
      }
      return (async function* () {
        let ended = run
        const lines = (async function* () {
          ended = yield* platform.cronOutput(app, run, { follow, signal })
        })()
        yield* maskedLog(store, app, lines)
        return viewRun(ended)
      })()
    },
  }
}
