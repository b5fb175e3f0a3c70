import type { Command } from 'commander'
import { addCommand } from './command.js'
import { print, printJson, say } from './output.js'
import { readPage } from './page-file.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'

const group = 'Routing'

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
    const { maintenance, pages } = await client.routing.get({ app })
    const own = pages.includes('maintenance')
    if (options.json) printJson({ maintenance, page: own })
    else print(`${maintenance ? 'on' : 'off'}${own ? ', with a page of its own' : ''}`)
  })
}

function addMaintenanceOn(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'maintenance:on',
      summary: 'answer every request to an app with a page that asks to come again later; its processes go on',
      group,
      examples: ['maintenance:on -a blog', 'maintenance:on --page soon.html'],
    }),
  )
    .option(
      '--page <file>',
      'HTML to show, from now on and each time it is on; `errors:unset maintenance` takes it back',
    )
    .action(async ({ page, ...options }: AppOptions & { readonly page?: string }) => {
      const html = page === undefined ? undefined : await readPage(page)
      const { client, app } = await openApp(options)
      await client.routing.change({
        app,
        maintenance: true,
        ...(html === undefined ? {} : { pages: { maintenance: html } }),
      })
      say(`${app} is in maintenance: everybody is told to come again later, until \`berth maintenance:off -a ${app}\``)
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
    await client.routing.change({ app, maintenance: false })
    say(`${app} gets its requests again`)
  })
}

export function registerMaintenance(program: Command): void {
  for (const add of [addMaintenance, addMaintenanceOn, addMaintenanceOff]) add(program)
}
