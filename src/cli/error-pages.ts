import type { Command } from 'commander'
import { pageNames, type PageName } from '../routing-rules.js'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { print, printJson, say } from './output.js'
import { readPage } from './page-file.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'

const group = 'Routing'

/** @throws UsageError */
function nameOf(text: string): PageName {
  const name = pageNames.find((one) => one === text)
  if (name !== undefined) return name
  throw new UsageError(
    `"${text.slice(0, 40)}" has no page`,
    `${pageNames.join(', ')} have; an app words all else itself`,
  )
}

function addErrors(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'errors',
        summary: 'list the error pages that an app has of its own',
        group,
        examples: ['errors -a blog'],
      }),
    ),
  ).action(async (options: AppOptions & JsonOptions) => {
    const { client, app } = await openApp(options)
    const { pages } = await client.routing.get({ app })
    if (options.json) printJson(pages)
    else if (pages.length === 0) say(`${app} has no error pages of its own`)
    else print(pages.join('\n'))
  })
}

function addErrorsSet(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'errors:set',
      summary: 'show browsers a page of your own where an app does not answer (502, 503, 504), or is in maintenance',
      group,
      examples: ['errors:set 503 sorry.html -a blog', 'errors:set maintenance soon.html'],
    }),
  )
    .argument('<page>', pageNames.join(', '))
    .argument('<file>', 'HTML, with all it needs in it')
    .action(async (text: string, file: string, options: AppOptions) => {
      const name = nameOf(text)
      const html = await readPage(file)
      const { client, app } = await openApp(options)
      await client.routing.change({ app, pages: { [name]: html } })
      say(`${app} has a page of its own for ${name}`)
    })
}

function addErrorsUnset(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'errors:unset',
      summary: "show Berth's own pages again",
      group,
      examples: ['errors:unset 503 -a blog'],
    }),
  )
    .argument('<pages...>', pageNames.join(', '))
    .action(async (texts: string[], options: AppOptions) => {
      const names = texts.map(nameOf)
      const { client, app } = await openApp(options)
      await client.routing.change({ app, pages: Object.fromEntries(names.map((name) => [name, null])) })
      say(`${app} shows Berth's own page for ${names.join(', ')}`)
    })
}

export function registerErrorPages(program: Command): void {
  for (const add of [addErrors, addErrorsSet, addErrorsUnset]) add(program)
}
