import type { Command } from 'commander'
import { addCommand } from './command.js'
import { heading, print, printJson, say, table } from './output.js'
import { followOperation } from './progress.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'

const group = 'Services'

function addLinks(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'services:links',
        summary: 'list the services that an app is linked to',
        group,
        examples: ['services:links -a blog'],
      }),
    ),
  ).action(async (options: AppOptions & JsonOptions) => {
    const { client, app } = await openApp(options)
    const all = await client.links.list({ app })
    if (options.json) printJson(all)
    else if (all.length === 0) say(`${app} is linked to no service`)
    else {
      print(heading(`${app} Services`))
      print(table(all.map((one) => [one.service, one.kind, one.variable, one.current ? '' : 'not in this release'])))
    }
  })
}

function addLink(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'services:link',
      summary: 'link an app to a service: its processes get a URL of their own, and restart',
      group,
      examples: ['services:link blog-db -a blog', 'services:link stats-db -a blog --as STATS'],
    }),
  )
    .argument('<service>')
    .option('--as <name>', 'config var of the URL; default DATABASE_URL and the like, or DATABASE_2_URL')
    .action(async (service: string, options: AppOptions & { as?: string }) => {
      const session = await openApp(options)
      const { as } = options
      const request = session.client.links.add({ app: session.app, service, ...(as !== undefined && { as }) })
      await followOperation(session, `Linking ${session.app} to ${service}`, request)
      const link = (await session.client.links.list({ app: session.app })).find((one) => one.service === service)
      if (link) say(`${link.variable} has its URL`)
    })
}

function addRotate(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'services:rotate',
      summary: 'give an app another password of a service, without losing a connection',
      group,
      examples: ['services:rotate blog-db -a blog'],
    }),
  )
    .argument('<service>')
    .action(async (service: string, options: AppOptions) => {
      const session = await openApp(options)
      const request = session.client.links.rotate({ app: session.app, service })
      await followOperation(session, `Rotating the password of ${session.app} at ${service}`, request)
    })
}

function addUnlink(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'services:unlink',
      summary: 'unlink an app from a service: its processes restart without the URL, and what they had is revoked',
      group,
      examples: ['services:unlink blog-db -a blog'],
    }),
  )
    .argument('<service>')
    .action(async (service: string, options: AppOptions) => {
      const session = await openApp(options)
      const request = session.client.links.remove({ app: session.app, service })
      await followOperation(session, `Unlinking ${session.app} from ${service}`, request)
    })
}

export function addServiceLinks(program: Command): void {
  for (const add of [addLinks, addLink, addRotate, addUnlink]) add(program)
}
