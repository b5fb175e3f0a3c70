import type { Command } from 'commander'
import type { CronEntryView, CronRunView } from '../api/contract.js'
import { BerthError } from '../errors.js'
import { formatDuration } from '../lib/duration.js'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { heading, formatTime, print, printJson, say, table } from './output.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions, type Session } from './session.js'

const group = 'Cron'

/** How long a run took: `1.2 s`, `3 minutes`. */
function lengthOf({ startedAt, finishedAt }: CronRunView): string {
  if (startedAt === null || finishedAt === null) return ''
  const ms = Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt))
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : formatDuration(Math.round(ms / 1000) * 1000)
}

const endOf = (run: CronRunView): string =>
  [run.exit === null || run.status === 'ended' ? run.status : `exit ${String(run.exit)}`, lengthOf(run)]
    .filter((part) => part !== '')
    .join(', ')

const lastOf = ({ last }: CronEntryView): string =>
  last === null ? 'never' : `${formatTime(last.startedAt ?? last.createdAt)}, ${endOf(last)}`

const nextOf = ({ next, paused }: CronEntryView): string => {
  if (paused !== null) return `paused (${paused})`
  return next === null ? 'never' : formatTime(next)
}

const scheduleOf = ({ schedule, timezone }: CronEntryView): string =>
  timezone === 'UTC' ? schedule : `${schedule} ${timezone}`

/** One word is a line for the shell; several are quoted so that they are run as they are. */
export const lineOf = (words: readonly string[]): string =>
  words.length === 1
    ? (words[0] ?? '')
    : words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ')

function addCron(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'cron',
        summary: 'list what runs at times, when it runs next, and how it ended last',
        group,
        examples: ['cron -a blog', 'cron --json'],
      }),
    ),
  )
    .alias('cron:list')
    .action(async (options: AppOptions & JsonOptions) => {
      const { client, app } = await openApp(options)
      const entries = await client.cron.list({ app })
      if (options.json) {
        printJson(entries)
        return
      }
      if (entries.length === 0) {
        say(`${app} has no cron entries; \`berth cron:add\` or "cron" of its app.json makes one`)
        return
      }
      print(heading(`${app} Cron`))
      const rows = entries.map((one) => [one.id, scheduleOf(one), nextOf(one), lastOf(one), one.command])
      print(table([['ID', 'Schedule', 'Next run', 'Last run', 'Command'], ...rows]))
    })
}

interface AddOptions extends AppOptions, JsonOptions {
  readonly type?: string
  readonly timezone?: string
  readonly timeout?: string
  readonly concurrency?: string
}

const policies = ['allow', 'forbid', 'replace'] as const

function addCronAdd(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'cron:add',
        summary: 'have a command run at times',
        group,
        examples: ["cron:add '*/5 * * * *' -a blog -- node task.js", "cron:add @daily 'node report.js | gzip >/tmp/r'"],
      }),
    ),
  )
    .argument('<schedule>', 'five fields of a crontab, or @hourly, @daily, @weekly, @monthly, @yearly')
    .argument('<command...>', 'one word is run by sh -c, several are run as they are')
    .option('--type <type>', 'process type whose image it runs in')
    .option('--timezone <zone>', 'time zone of the schedule, as in Europe/Berlin; default UTC')
    .option('--timeout <duration>', 'how long one run may take: 90s, 30m, 2h')
    .option('--concurrency <policy>', 'what happens when its last run goes on: allow, forbid (default) or replace')
    .action(async (schedule: string, words: string[], options: AddOptions) => {
      const concurrency = policies.find((policy) => policy === options.concurrency)
      if (options.concurrency !== undefined && concurrency === undefined)
        throw new UsageError(`"${options.concurrency}" is no policy`, `it is ${policies.join(', ')}`)
      const { client, app } = await openApp(options)
      const entry = await client.cron.add({
        ...{ app, schedule, command: lineOf(words) },
        ...(options.type === undefined ? {} : { type: options.type }),
        ...(options.timezone === undefined ? {} : { timezone: options.timezone }),
        ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
        ...(concurrency === undefined ? {} : { concurrency }),
      })
      if (options.json) printJson(entry)
      else say(`Added ${entry.id} to ${app}: it runs next at ${nextOf(entry)}`)
    })
}

/** A command about entries by their ids. */
function addChange(
  program: Command,
  verb: 'remove' | 'pause' | 'resume',
  { summary, done }: { summary: string; done: (entry: CronEntryView) => string },
): void {
  const command = withJson(
    withApp(addCommand(program, { name: `cron:${verb}`, summary, group, examples: [`cron:${verb} 1a2b3c4d -a blog`] })),
  )
  if (verb !== 'remove') command.option('--all', 'all entries of the app')
  command
    .argument(verb === 'remove' ? '<ids...>' : '[ids...]', 'ids, as `berth cron` shows them')
    .action(async (ids: string[], options: AppOptions & JsonOptions & { all?: boolean }) => {
      if (ids.length === 0 && options.all !== true) throw new UsageError('no entry named', 'name its id, or say --all')
      const { client, app } = await openApp(options)
      const all = options.all === true ? (await client.cron.list({ app })).map(({ id }) => id) : ids
      const entries: CronEntryView[] = []
      for (const entry of all) {
        const changed = await client.cron[verb]({ app, entry })
        entries.push(changed)
        if (!options.json) say(done(changed))
      }
      if (options.json) printJson(entries)
    })
}

/** Shows what a run writes until it is over. */
async function followRun({ client }: Session, app: string, run: CronRunView): Promise<CronRunView> {
  const lines = await client.cron.output({ app, entry: run.entry, run: run.id, follow: 'true' })
  for (;;) {
    const next = await lines.next()
    if (next.done === true) return next.value
    print(next.value.text)
  }
}

function addCronRun(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'cron:run',
        summary: 'run an entry now, show its output, and exit as it does',
        group,
        examples: ['cron:run 1a2b3c4d -a blog', 'cron:run 1a2b3c4d --detach'],
      }),
    ),
  )
    .argument('<id>', 'its id, as `berth cron` shows it')
    .option('-d, --detach', 'do not wait for its end')
    .action(async (entry: string, options: AppOptions & JsonOptions & { detach?: boolean }) => {
      const session = await openApp(options)
      const { client, app } = session
      const run = await client.cron.run({ app, entry })
      if (options.json) {
        printJson(run)
        return
      }
      say(`Running ${run.command} of ${app} as ${run.id}`)
      if (options.detach === true) return
      const ended = await followRun(session, app, run)
      if (ended.exit === null || ended.status === 'ended')
        throw new BerthError('broken', `the run is ${ended.status}: ${ended.failure ?? ''}`, 'see `berth cron:log`')
      process.exitCode = ended.exit
    })
}

function addCronStop(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'cron:stop',
        summary: 'end the run of an entry that goes on, and wait for its end',
        group,
        examples: ['cron:stop 1a2b3c4d -a blog'],
      }),
    ),
  )
    .argument('<id>', 'its id, as `berth cron` shows it')
    .action(async (entry: string, options: AppOptions & JsonOptions) => {
      const { client, app } = await openApp(options)
      const ended: CronRunView[] = []
      for (const { id: run } of await client.cron.stop({ app, entry })) {
        if (!options.json) say(`Ending ${run} of ${app}...`)
        const lines = await client.cron.output({ app, entry, run, follow: 'true' })
        for (let next = await lines.next(); ; next = await lines.next())
          if (next.done === true) {
            ended.push(next.value)
            if (!options.json) say(`${run} ${endOf(next.value)}`)
            break
          }
      }
      if (options.json) printJson(ended)
    })
}

function addCronLog(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'cron:log',
        summary: 'list the runs of an entry and show what the last one wrote',
        group,
        examples: ['cron:log 1a2b3c4d -a blog', 'cron:log 1a2b3c4d --run 1a2b3c4d.h5x2k1', 'cron:log 1a2b3c4d -f'],
      }),
    ),
  )
    .argument('<id>', 'its id, as `berth cron` shows it')
    .option('--run <run>', 'show what this run wrote')
    .option('-f, --follow', 'follow the run until it is over')
    .action(async (entry: string, options: AppOptions & JsonOptions & { run?: string; follow?: boolean }) => {
      const { client, app } = await openApp(options)
      const runs = await client.cron.runs({ app, entry })
      if (options.json && options.run === undefined) {
        printJson(runs)
        return
      }
      if (runs.length === 0) {
        say(`${entry} has not run yet; \`berth cron:run ${entry} -a ${app}\` runs it now`)
        return
      }
      if (options.run === undefined) {
        print(heading(`${app} Runs of ${entry}`))
        print(table(runs.map(runRow)))
      }
      const run = options.run ?? (runs.find(({ startedAt }) => startedAt !== null) ?? runs[0])?.id ?? 'latest'
      const lines = await client.cron.output({
        app,
        entry,
        run,
        ...(options.follow ? { follow: 'true' as const } : {}),
      })
      if (options.run === undefined) print(`\n${heading(`Output of ${run}`)}`)
      for await (const { time, text } of lines) print(options.json ? JSON.stringify({ time, text }) : `${time} ${text}`)
    })
}

const runRow = (run: CronRunView): string[] => [
  run.id,
  formatTime(run.startedAt ?? run.due ?? run.createdAt),
  endOf(run),
  run.release === null ? '' : `v${run.release}`,
  run.by === null ? '' : `by ${run.by}`,
  run.failure ?? '',
]

/** An entry that is gone leaves its runs. */
const removed = ({ id, last }: CronEntryView): string =>
  `Removed ${id}${last?.status === 'running' ? `; it goes on running until \`berth cron:stop ${id}\` ends it` : ''}`

export function registerCron(program: Command): void {
  addCron(program)
  addCronAdd(program)
  addChange(program, 'remove', { summary: 'remove entries that were added', done: removed })
  addChange(program, 'pause', {
    summary: 'have entries not run until they are resumed',
    done: ({ id }) => `Paused ${id}`,
  })
  addChange(program, 'resume', {
    summary: 'have paused entries run again',
    done: (entry) => `${entry.id} runs next at ${nextOf(entry)}`,
  })
  addCronRun(program)
  addCronStop(program)
  addCronLog(program)
}
