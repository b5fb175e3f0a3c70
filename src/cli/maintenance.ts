import type { Command } from 'commander'
import { parseDuration } from '../lib/duration.js'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { print, printJson, say } from './output.js'
import { readPage } from './page-file.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'

const group = 'Routing'

interface OnOptions extends AppOptions {
  readonly page?: string
  readonly hold?: string
}

/** @throws UsageError */
function secondsOf(text: string): number {
  const ms = parseDuration(text)
  if (ms === null) throw new UsageError(`--hold ${text.slice(0, 40)}: not a time`, 'write it as 30s or 2m')
  return ms / 1000
}

function addMaintenance(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'maintenance',
        summary: 'say whether everybody is told to come again later',
        group,
        examples: ['maintenance -a blog'],
      }),
    ),
  ).action(async (options: AppOptions & JsonOptions) => {
    const { client, app } = await openApp(options)
    const { maintenance, hold, pages } = await client.routing.get({ app })
    const own = pages.includes('maintenance')
    if (options.json) printJson({ maintenance, hold, page: own })
    else {
      const held = maintenance && hold !== null ? `, requests are held for ${hold} s` : ''
      print(`${maintenance ? 'on' : 'off'}${held}${own ? ', with a page of its own' : ''}`)
    }
  })
}

function addMaintenanceOn(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'maintenance:on',
      summary: 'answer every request to an app with a page that asks to come again later; its processes go on',
      group,
      examples: ['maintenance:on -a blog', 'maintenance:on --page soon.html', 'maintenance:on --hold 30s'],
    }),
  )
    .option(
      '--page <file>',
      'HTML to show, from now on and each time it is on; `errors:unset maintenance` takes it back',
    )
    .option('--hold <time>', 'hold requests for so long, 30s or 2m, and pass them on in their order when it is off')
    .action(async ({ page, hold: time, ...options }: OnOptions) => {
      const hold = time === undefined ? null : secondsOf(time)
      const html = page === undefined ? undefined : await readPage(page)
      const { client, app } = await openApp(options)
      const pages = html === undefined ? {} : { pages: { maintenance: html } }
      await client.routing.change({ app, maintenance: true, hold, ...pages })
      const meanwhile = hold === null ? 'everybody is told to come again later' : `requests are held for ${hold} s`
      say(`${app} is in maintenance: ${meanwhile}, until \`berth maintenance:off -a ${app}\``)
    })
}

function addMaintenanceOff(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'maintenance:off',
      summary: 'pass requests on to an app again',
      group,
      examples: ['maintenance:off -a blog'],
    }),
  ).action(async (options: AppOptions) => {
    const { client, app } = await openApp(options)
    await client.routing.change({ app, maintenance: false, hold: null })
    say(`${app} gets its requests again`)
  })
}

export function registerMaintenance(program: Command): void {
  for (const add of [addMaintenance, addMaintenanceOn, addMaintenanceOff]) add(program)
}
