import type { Command } from 'commander'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { fields, heading, print, printJson, say } from './output.js'
import { readPassword } from './password.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'

const group = 'Git'
function addGit(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'git',
        summary: 'show where an app and its submodules come from',
        group,
        examples: ['git -a blog', 'git --json'],
      }),
    ),
  ).action(async (options: AppOptions & JsonOptions) => {
    const { client, app } = await openApp(options)
    const all = await client.git.info({ app })
    if (options.json) {
      printJson(all)
      return
    }
    print(heading(`${app} Git`))
    print(
      fields([
        ['Deploy branch', all.deployBranch ?? 'main or master'],
        ['Origin', all.origin ?? 'not said'],
        ...all.logins.map(({ host, user }) => [`Password for ${host}`, user] as const),
      ]),
    )
  })
}

function addGitSet(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'git:set',
        summary: "say where an app's repository comes from: its submodules' relative URLs count from there",
        group,
        examples: ['git:set origin=https://github.com/you/blog.git -a blog'],
      }),
    ),
  )
    .argument('<setting>', 'origin=URL')
    .action(async (word: string, options: AppOptions & JsonOptions) => {
      const [, origin] = /^origin=(.+)$/s.exec(word) ?? []
      if (origin === undefined)
        throw new UsageError(`"${word.slice(0, 80)}" is not origin=URL`, 'berth git:set origin=https://…')
      const { client, app } = await openApp(options)
      const all = await client.git.update({ app, origin })
      if (options.json) printJson(all)
      else say(`Relative URLs of submodules of ${app} count from ${all.origin ?? ''}`)
    })
}

function addGitUnset(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'git:unset',
        summary: "forget where an app's repository comes from",
        group,
        examples: ['git:unset origin -a blog'],
      }),
    ),
  )
    .argument('<setting>', 'origin')
    .action(async (word: string, options: AppOptions & JsonOptions) => {
      if (word !== 'origin') throw new UsageError(`there is no "${word.slice(0, 80)}"`, 'berth git:unset origin')
      const { client, app } = await openApp(options)
      const all = await client.git.update({ app, origin: null })
      if (options.json) printJson(all)
      else say(`Relative URLs of submodules of ${app} are refused`)
    })
}

function addGitAuth(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'git:auth',
        summary: "set the password, read from standard input, for an app's submodules at a host",
        group,
        examples: ['git:auth github.com you -a blog < token.txt', 'git:auth git.example.com:8443 deploy < token.txt'],
      }),
    ),
  )
    .argument('<host>', 'as the URL has it')
    .argument('<user>')
    .action(async (host: string, user: string, options: AppOptions & JsonOptions) => {
      const password = await readPassword(`printf %s "$TOKEN" | berth git:auth ${host} ${user}`)
      const { client, app } = await openApp(options)
      const login = await client.git.authorize({ app, host, user, password })
      if (options.json) printJson(login)
      else say(`Submodules of ${app} are fetched from ${login.host} as ${login.user}`)
    })
}

function addGitAuthRemove(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'git:auth:remove',
        summary: 'forget the password for a host',
        group,
        examples: ['git:auth:remove github.com -a blog'],
      }),
    ),
  )
    .argument('<host>')
    .action(async (host: string, options: AppOptions & JsonOptions) => {
      const { client, app } = await openApp(options)
      const login = await client.git.forget({ app, host })
      if (options.json) printJson(login)
      else say(`Forgot the password of ${login.user} for ${login.host}`)
    })
}

/** What submodules need to be fetched. */
export function registerGitOrigin(program: Command): void {
  for (const add of [addGit, addGitSet, addGitUnset, addGitAuth, addGitAuthRemove]) add(program)
}
