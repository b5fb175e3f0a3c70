import type { Command } from 'commander'
import type { CanaryView } from '../api/contract.js'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { formatAgo, formatTime, heading, print, printJson, say, table } from './output.js'
import { followOperation } from './progress.js'
import { parseVersion } from './releases.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'

const group = 'Releases'

interface CanaryOptions extends AppOptions, JsonOptions {
  readonly header?: string
  readonly processes?: string
}

/** `10%`, or `10`. @throws UsageError */
export function parsePercent(text: string): number {
  const percent = /^\d{1,3}%?$/.test(text) ? Number.parseInt(text, 10) : NaN
  if (percent > 0 && percent < 100) return percent
  const hint =
    percent === 0
      ? '`berth canary:off` ends it'
      : percent === 100
        ? '`berth canary:promote` has everybody get it'
        : 'name a whole percentage from 1% to 99%'
  throw new UsageError(`"${text.slice(0, 40)}" is not a share of the requests`, hint)
}

/** `X-Beta: 1`. @throws UsageError */
function parseHeader(text: string): { name: string; value: string } {
  const colon = text.indexOf(':')
  if (colon < 1) throw new UsageError(`--header ${text.slice(0, 40)}: not a header`, "write it as 'X-Beta: 1'")
  return { name: text.slice(0, colon).trim().toLowerCase(), value: text.slice(colon + 1).trim() }
}

const shareOf = ({ percent, header }: CanaryView): string =>
  [
    ...(percent > 0 ? [`${percent} % of clients`] : []),
    ...(header ? [`requests with ${header.name}: ${header.value}`] : []),
  ].join(', and ')

function rowOf(words: string, { release, requests, errors, processes }: CanaryView['stable']): string[] {
  const share = requests === 0 ? '' : ` (${((100 * errors) / requests).toFixed(1)} %)`
  const states = processes.map(
    ({ name, state, failure }) => `${name} ${state}${failure === null ? '' : `: ${failure}`}`,
  )
  return [words, `v${release}`, `${requests} requests`, `${errors} errors${share}`, states.join(', ')]
}

function show(app: string, canary: CanaryView | null): void {
  if (!canary) {
    say(`${app} has no canary; \`berth canary v12 10%\` begins one`)
    return
  }
  const since = `since ${formatTime(canary.since)} (${formatAgo(canary.since)})`
  print(heading(`${app}: v${canary.canary.release} gets ${shareOf(canary)}, ${since}`))
  print(table([rowOf('stable', canary.stable), rowOf('canary', canary.canary)]))
}

function addCanary(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'canary',
        summary: 'send a share of the requests to another release, or say how it does',
        group,
        examples: ['canary v12 10% -a blog', "canary v12 --header 'X-Beta: 1'", 'canary -a blog'],
      }),
    ),
  )
    .argument('[version]', 'v12; without it, says what runs and what came of it')
    .argument('[share]', '10%: of clients, each of which stays where it is')
    .option('--header <line>', 'requests with this header go there, whoever sends them')
    .option('--processes <count>', 'web processes of it; as many as its share needs unless given')
    .action(async (version: string | undefined, share: string | undefined, options: CanaryOptions) => {
      if (version === undefined) {
        if (options.header !== undefined || options.processes !== undefined)
          throw new UsageError('no release that this is of', 'name it, as v12')
        const { client, app } = await openApp(options)
        const { canary } = await client.canary.get({ app })
        if (options.json) printJson(canary)
        else show(app, canary)
        return
      }
      const wanted = parseVersion(version)
      const percent = share === undefined ? undefined : parsePercent(share)
      const header = options.header === undefined ? undefined : parseHeader(options.header)
      if (options.processes !== undefined && !/^[1-9]\d{0,2}$/.test(options.processes))
        throw new UsageError(`--processes ${options.processes.slice(0, 40)}: not a number of processes`)
      const session = await openApp(options)
      const { app, client } = session
      const request = client.canary.start({
        ...{ app, version: wanted },
        ...(percent !== undefined && { percent }),
        ...(header && { header }),
        ...(options.processes !== undefined && { processes: Number(options.processes) }),
      })
      await followOperation(session, `Starting v${wanted} as the canary of ${app}`, request, { shown: true })
    })
}

function addPromote(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'canary:promote',
      summary: 'run the release of the canary in place of the one that runs',
      group,
      examples: ['canary:promote -a blog'],
    }),
  ).action(async (options: AppOptions) => {
    const session = await openApp(options)
    const { app, client } = session
    await followOperation(session, `Promoting the canary of ${app}`, client.canary.promote({ app }), { shown: true })
  })
}

function addOff(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'canary:off',
      summary: 'end the canary: all requests go to the release that runs',
      group,
      examples: ['canary:off -a blog'],
    }),
  ).action(async (options: AppOptions) => {
    const session = await openApp(options)
    const { app, client } = session
    await followOperation(session, `Ending the canary of ${app}`, client.canary.off({ app }), { shown: true })
  })
}

export function registerCanary(program: Command): void {
  for (const add of [addCanary, addPromote, addOff]) add(program)
}
