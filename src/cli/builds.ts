import type { Command } from 'commander'
import type { OperationView } from '../api/contract.js'
import { BerthError } from '../errors.js'
import { registerBuildSettings, settingsIn } from './build-settings.js'
import { addCommand } from './command.js'
import { formatTime, heading, print, printJson, say, table } from './output.js'
import { streamOperation } from './progress.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'

const group = 'Builds'

const row = (build: OperationView): string[] => [
  build.id,
  (build.commit ?? '').slice(0, 7),
  build.branch ?? '',
  build.status,
  build.release === null ? '' : `v${build.release}`,
  formatTime(build.createdAt),
]

/** How a build ended that was not cancelled. */
const verbOf: Readonly<Record<OperationView['status'], string>> = {
  queued: 'waits',
  building: 'goes on',
  releasing: 'goes on',
  succeeded: 'succeeded',
  failed: 'failed',
  superseded: 'was superseded by a newer push',
  cancelled: 'was cancelled',
}

function addBuilds(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'builds',
        summary: 'list builds, newest first',
        group,
        examples: ['builds -a blog'],
      }),
    ),
  ).action(async (options: AppOptions & JsonOptions) => {
    const { client, app } = await openApp(options)
    const builds = await client.builds.list({ app })
    if (options.json) {
      printJson(builds)
      return
    }
    if (builds.length === 0) {
      say(`${app} has no builds yet; \`git push berth main\` makes one`)
      return
    }
    const settings = settingsIn(await client.config.get({ app }))
    print(heading(`${app} Builds`))
    if (settings.length > 0) print(`${settings.map(([name, value]) => `${name}=${value}`).join(' ')}\n`)
    print(table(builds.slice(0, 25).map(row)))
  })
}

function addBuildsInfo(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'builds:info',
        summary: 'describe a build',
        group,
        examples: ['builds:info -a blog'],
      }),
    ),
  )
    .argument('[id]', 'by default the latest')
    .action(async (id: string | undefined, options: AppOptions & JsonOptions) => {
      const { client, app } = await openApp(options)
      const build = await client.builds.info({ app, build: id ?? 'latest' })
      if (options.json) {
        printJson(build)
        return
      }
      print(heading(`Build ${build.id} of ${app}`))
      print(table([row(build).slice(1)]))
      if (build.failure !== null) print(build.failure)
    })
}

function addBuildsCancel(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'builds:cancel',
      summary: 'cancel a build that is waiting or running',
      group,
      examples: ['builds:cancel -a blog', 'builds:cancel 0mx1v6ynobd0215b9'],
    }),
  )
    .argument('[id]', 'by default all that are not over')
    .action(async (id: string | undefined, options: AppOptions) => {
      const session = await openApp(options)
      const { client, app } = session
      const wanted =
        id === undefined ? await client.builds.list({ app }) : [await client.builds.info({ app, build: id })]
      const pending = wanted.filter(({ finishedAt }) => finishedAt === null)
      if (pending.length === 0)
        say(id === undefined ? `${app} has no build under way` : `build ${id} is over: ${wanted[0]?.status ?? 'gone'}`)
      for (const build of pending) {
        process.stderr.write(`Cancelling build ${build.id} of ${app}... `)
        const { status } = await streamOperation(
          session,
          await client.builds.cancel({ app, build: build.id }),
          () => undefined,
        )
        say(status === 'cancelled' ? 'done' : `too late: it ${verbOf[status]}`)
      }
    })
}

function addCachePurge(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'builds:cache:purge',
        summary: 'remove what builds keep for the next: layers of steps and caches of package managers',
        group,
        examples: ['builds:cache:purge -a blog'],
      }),
    ),
  ).action(async (options: AppOptions & JsonOptions) => {
    const { client, app } = await openApp(options)
    const { freed } = await client.builds.purge({ app })
    if (options.json) printJson({ freed })
    else
      say(
        `Purged the build cache of ${app}: ${String(Math.round(freed / 2 ** 20))} MiB are free; the next build begins anew`,
      )
  })
}

function addBuildsOutput(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'builds:output',
      summary: 'show the output of a build',
      group,
      examples: ['builds:output -a blog', 'builds:output -f'],
    }),
  )
    .argument('[id]', 'by default the latest')
    .option('-f, --follow', 'follow until the build is over; the exit code says how it ended')
    .action(async (id: string | undefined, options: AppOptions & { follow?: boolean }) => {
      const session = await openApp(options)
      const { client, app } = session
      const build = await client.builds.info({ app, build: id ?? 'latest' })
      if (options.follow !== true) {
        for await (const text of await client.builds.output({ app, build: build.id })) process.stdout.write(text)
        return
      }
      const ended = await streamOperation(session, build, (text) => void process.stdout.write(text))
      if (ended.status !== 'succeeded')
        throw new BerthError('broken', ended.failure ?? `the build was ${ended.status}`, 'see `berth builds`')
    })
}

export function registerBuilds(program: Command): void {
  for (const add of [addBuilds, addBuildsInfo, addBuildsCancel, addCachePurge, addBuildsOutput, registerBuildSettings])
    add(program)
}
