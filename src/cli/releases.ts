import type { Command } from 'commander'
import type { ReleaseView } from '../api/contract.js'
import { addCommand } from './command.js'
import { own } from '../lib/own.js'
import { UsageError } from './failure.js'
import { fields, formatTime, heading, print, printJson, table } from './output.js'
import { followOperation } from './progress.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'
import { formatMemory } from './size.js'

const group = 'Releases'

const stateOf = ({ status, current }: ReleaseView): string =>
  current ? 'current' : status === 'succeeded' ? '' : status

/** `v4` or `4`. @throws UsageError */
export function parseVersion(text: string): number {
  const [, digits = ''] = /^v?([1-9]\d{0,8})$/.exec(text) ?? []
  if (digits === '')
    throw new UsageError(`"${text.slice(0, 40)}" is not a release`, 'name one as v4; `berth releases` lists them all')
  return Number(digits)
}

function addReleases(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'releases',
        summary: 'list releases, newest first',
        group,
        examples: ['releases -a blog'],
      }),
    ),
  )
    .option('-n, --num <count>', 'how many', '15')
    .action(async (options: AppOptions & JsonOptions & { num: string }) => {
      if (!/^\d+$/.test(options.num)) throw new UsageError(`"${options.num}" is not a number of releases`)
      const { client, app } = await openApp(options)
      const all = await client.releases.list({ app })
      if (options.json) {
        printJson(all)
        return
      }
      const current = all.find((release) => release.current)
      print(heading(`${app} Releases${current === undefined ? '' : ` - Current: v${current.version}`}`))
      const shown = all.slice(0, Number(options.num))
      print(table(shown.map((r) => [`v${r.version}`, r.description, stateOf(r), formatTime(r.createdAt)])))
    })
}

function addReleasesInfo(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'releases:info',
        summary: 'describe a release',
        group,
        examples: ['releases:info v4 -a blog', 'releases:info'],
      }),
    ),
  )
    .argument('[version]', 'v4; by default the current one')
    .action(async (version: string | undefined, options: AppOptions & JsonOptions) => {
      const wanted = version === undefined ? 'current' : String(parseVersion(version))
      const { client, app } = await openApp(options)
      const release = await client.releases.info({ app, version: wanted })
      if (options.json) {
        printJson(release)
        return
      }
      print(heading(`Release v${release.version} of ${app}`))
      print(
        fields([
          ['Change', release.description],
          ['When', formatTime(release.createdAt)],
          ['Status', `${release.status}${release.current ? ', current' : ''}`],
          ...(release.failure === null ? [] : [['Failure', release.failure] as const]),
          ['Commit', release.commit ?? 'none'],
          ['Image', release.image ?? 'none'],
          ...Object.entries(release.images).map(([type, image]) => [`Image of ${type}`, image] as const),
          ...Object.entries(release.processTypes).map(([type, command]) => {
            const size = own(release.formation, type)
            const scale = size === undefined ? '' : `${size.quantity}:${formatMemory(size.memory)}:${size.cpus} `
            return [type, `${scale}${command ?? "(the image's own command)"}`] as const
          }),
          ['Config vars', Object.keys(release.config).sort().join(', ') || 'none'],
        ]),
      )
    })
}

function addRollback(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'rollback',
      summary: 'go back to an earlier release',
      group,
      examples: ['rollback -a blog', 'rollback v3'],
    }),
  )
    .argument('[version]', 'v3; by default the one before the current')
    .action(async (version: string | undefined, options: AppOptions) => {
      const wanted = version === undefined ? undefined : parseVersion(version)
      const session = await openApp(options)
      const { app, client } = session
      const request = client.releases.rollback({ app, ...(wanted === undefined ? {} : { version: wanted }) })
      // it says what it does not bring back
      const shown = true
      await followOperation(session, `Rolling back ${app}${wanted === undefined ? '' : ` to v${wanted}`}`, request, {
        shown,
      })
    })
}

export function registerReleases(program: Command): void {
  for (const add of [addReleases, addReleasesInfo, addRollback]) add(program)
}
