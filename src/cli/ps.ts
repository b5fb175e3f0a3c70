import type { Command } from 'commander'
import type { ProcessView } from '../api/contract.js'
import { BerthError, messageOf } from '../errors.js'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { formatAgo, formatTime, heading, print, printJson, say, table } from './output.js'
import { followOperation } from './progress.js'
import { openApp, openSession, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'
import { formatMemory, parseMemory } from './size.js'

const group = 'Processes'

interface ProcessScale {
  quantity: number
  memory?: number
  cpus?: number
}

/** The API's own limit, said in the words of the command. */
const mostOfType = 100

/** `web=3`, `web=2:1G`, `web=2:1G:0.5`. @throws UsageError */
export function parseScale(word: string): [string, ProcessScale] {
  const [, type = '', quantity = '', memory, cpus] =
    /^([^=]+)=(\d+)(?::([^:]*))?(?::(\d+(?:\.\d+)?))?$/.exec(word) ?? []
  if (type === '')
    throw new UsageError(
      `"${word.slice(0, 40)}" does not say how many of what`,
      'write it as web=3, or web=3:512M:0.5 with memory and CPUs',
    )
  if (Number(quantity) > mostOfType) throw new UsageError(`${type}=${quantity}: at most ${mostOfType} of one type`)
  return [
    type,
    {
      quantity: Number(quantity),
      ...(memory === undefined || memory === '' ? {} : { memory: parseMemory(memory) }),
      ...(cpus === undefined ? {} : { cpus: Number(cpus) }),
    },
  ]
}

function byType(processes: readonly ProcessView[]): Map<string, ProcessView[]> {
  const groups = new Map<string, ProcessView[]>()
  for (const process of processes) groups.set(process.type, [...(groups.get(process.type) ?? []), process])
  return groups
}

function rowOf({ name, state, since, until, restarts, failure, release }: ProcessView): string[] {
  const when = since === null ? '' : ` ${formatTime(since)} (${formatAgo(since)})`
  const why = failure === null ? '' : `${failure}${restarts > 1 ? `, ${restarts} times in a row` : ''}`
  const again = until === null ? '' : `; starts again at ${formatTime(until)}`
  return [`${name}:`, `${state}${when}`, `v${release}`, why + again]
}

function addPs(program: Command): void {
  withJson(
    withApp(addCommand(program, { name: 'ps', summary: 'list processes', group, examples: ['ps -a blog'] })),
  ).action(async (options: AppOptions & JsonOptions) => {
    const { client, app } = await openApp(options)
    const processes = await client.processes.list({ app })
    if (options.json) {
      printJson(processes)
      return
    }
    if (processes.length === 0) {
      say(`${app} runs nothing; \`berth ps:scale\` shows what it could`)
      return
    }
    const sections = [...byType(processes)].map(([type, all]) => {
      const rows = all.map(rowOf)
      const command = all[0]?.command ?? null
      return `${heading(`${type}${command === null ? '' : `: ${command}`} (${all.length})`)}\n${table(rows)}`
    })
    print(sections.join('\n\n'))
  })
}

function addPsScale(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'ps:scale',
        summary: 'set how many processes of a type run, and their size; without arguments, show it',
        group,
        examples: ['ps:scale web=3 worker=1 -a blog', 'ps:scale web=2:1G:0.5', 'ps:scale'],
      }),
    ),
  )
    .argument('[types...]', 'TYPE=QUANTITY[:MEMORY[:CPUS]]')
    .action(async (words: string[], options: AppOptions & JsonOptions) => {
      const formation = Object.fromEntries(words.map(parseScale))
      const session = await openApp(options)
      const { app, client } = session
      if (words.length === 0) {
        const now = await client.formation.get({ app })
        if (options.json) {
          printJson(now)
          return
        }
        if (Object.keys(now).length === 0) {
          say(`${app} has no process types yet: they come with a push, and may be scaled before it`)
          return
        }
        print(
          Object.entries(now)
            .map(([type, { quantity, memory, cpus }]) => `${type}=${quantity}:${formatMemory(memory)}:${cpus}`)
            .join(' '),
        )
        return
      }
      await followOperation(session, `Scaling ${words.join(' ')} of ${app}`, client.formation.scale({ app, formation }))
    })
}

function addPsRestart(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'ps:restart',
      summary: 'restart all processes, those of a type, or one',
      group,
      examples: ['ps:restart -a blog', 'ps:restart web', 'ps:restart web.1'],
    }),
  )
    .argument('[process]', 'web.1, or web for all of them')
    .action(async (process: string | undefined, options: AppOptions) => {
      const session = await openApp(options)
      const { app, client } = session
      const request = client.processes.restart({ app, ...(process === undefined ? {} : { process }) })
      await followOperation(session, `Restarting ${process ?? 'all processes'} of ${app}`, request)
    })
}

function addPsRebuild(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'ps:rebuild',
      summary: 'build the current code again from the repository of the app and release it',
      group,
      examples: ['ps:rebuild -a blog', 'ps:rebuild --all'],
    }),
  )
    .option('--all', 'every app that has been pushed, one after the other')
    .action(async ({ all, ...options }: AppOptions & { all?: boolean }) => {
      if (!all) {
        const session = await openApp(options)
        const { app, client } = session
        await followOperation(session, `Rebuilding ${app}`, client.processes.rebuild({ app }))
        return
      }
      if (options.app !== undefined) throw new UsageError('--all and -a APP exclude each other', 'give one of them')
      const session = await openSession()
      const failed: string[] = []
      for (const { name } of await session.client.apps.list({})) {
        if ((await session.client.apps.info({ app: name })).commit === null) continue
        try {
          await followOperation(session, `Rebuilding ${name}`, session.client.processes.rebuild({ app: name }))
        } catch (error) {
          say(messageOf(error))
          failed.push(name)
        }
      }
      if (failed.length > 0)
        throw new BerthError('broken', `not rebuilt: ${failed.join(', ')}`, 'see `berth builds -a` of each')
    })
}

export function registerPs(program: Command): void {
  for (const add of [addPs, addPsScale, addPsRestart, addPsRebuild]) add(program)
}
