import type { Command } from 'commander'
import type { RoutingView } from '../api/contract.js'
import { addAccessSso, ssoRows, shownSso } from './access-sso.js'
import { addCommand } from './command.js'
import { heading, print, printJson, say, table } from './output.js'
import { readPassword } from './password.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'

const group = 'Routing'

/** Who gets in, in words. */
function shown({ allow, users, sso }: Pick<RoutingView, 'allow' | 'users' | 'sso'>): string {
  const from = allow.length > 0 ? `from ${allow.join(', ')}` : ''
  const as = users.length > 0 ? `with a password, as ${users.join(' or ')}` : ''
  const signedIn = sso ? shownSso(sso) : ''
  return [from, as, signedIn].filter((part) => part !== '').join(', and ') || 'everybody'
}

function addAccess(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'access',
        summary: 'show who gets in to an app',
        group,
        examples: ['access -a blog', 'access --json'],
      }),
    ),
  ).action(async (options: AppOptions & JsonOptions) => {
    const { client, app } = await openApp(options)
    const { allow, users, sso } = await client.routing.get({ app })
    if (options.json) printJson({ allow, users, sso })
    else {
      print(heading(`${app} Access`))
      print(
        allow.length + users.length === 0 && !sso
          ? 'everybody'
          : table([
              ...allow.map((one) => ['from', one]),
              ...users.map((one) => ['as', one]),
              ...(sso ? ssoRows(sso) : []),
            ]),
      )
    }
  })
}

function addAccessAllow(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'access:allow',
      summary: 'let in these addresses and networks, and no others but those named before',
      group,
      examples: ['access:allow 203.0.113.0/24 2001:db8::/32 -a blog'],
    }),
  )
    .argument('<networks...>', '203.0.113.7, 10.0.0.0/8, 2001:db8::/32')
    .action(async (allow: string[], options: AppOptions) => {
      const { client, app } = await openApp(options)
      say(`${app} lets in: ${shown(await client.routing.change({ app, allow }))}`)
    })
}

function addAccessRemove(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'access:remove',
      summary: 'let in these networks no more; without the last one, it is everybody again',
      group,
      examples: ['access:remove 203.0.113.0/24 -a blog'],
    }),
  )
    .argument('<networks...>')
    .action(async (disallow: string[], options: AppOptions) => {
      const { client, app } = await openApp(options)
      say(`${app} lets in: ${shown(await client.routing.change({ app, disallow }))}`)
    })
}

function addAccessPassword(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'access:password',
      summary: 'let in who knows the password of a name, read from standard input, and nobody without one',
      group,
      examples: ['access:password friend -a blog < password.txt', 'access:password friend --remove'],
    }),
  )
    .argument('<user>', 'whom a browser asks for')
    .option('--remove', 'take the name away; without the last one, it is everybody again')
    .action(async (user: string, { remove, ...options }: AppOptions & { readonly remove?: boolean }) => {
      const password = remove ? null : await readPassword(`berth access:password ${user} < password.txt`)
      const { client, app } = await openApp(options)
      say(`${app} lets in: ${shown(await client.routing.change({ app, users: { [user]: password } }))}`)
    })
}

export function registerAccess(program: Command): void {
  for (const add of [addAccess, addAccessAllow, addAccessRemove, addAccessPassword, addAccessSso]) add(program)
}
