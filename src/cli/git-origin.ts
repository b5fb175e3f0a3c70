import type { Command } from 'commander'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { hostKeyOption, readyForSsh } from './git-ssh.js'
import { joinSource, splitSource } from './git-sync.js'
import { fields, heading, print, printJson, say } from './output.js'
import { readPassword } from './password.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'

const group = 'Git'
function addGit(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'git',
        summary: 'show where an app and its submodules come from, and its webhook',
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
        ['Source', all.source === null ? 'none: it is pushed' : joinSource(all.source)],
        ['Webhook', all.webhook?.url ?? 'none'],
        ['Origin', all.origin ?? (all.source === null ? 'not said' : 'as its source')],
        ['SSH key', all.key?.publicKey ?? 'none'],
        ...all.hosts.map(({ host, type, fingerprint }) => [`Host ${host}`, `${fingerprint} (${type})`] as const),
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
        summary:
          'say which repository an app is kept from (`git:sync` fetches it), or what relative URLs of submodules count from',
        group,
        examples: [
          'git:set source=https://github.com/you/blog.git#main -a blog',
          'git:set source=git@git.example.com:you/blog.git#main --host-key SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU -a blog',
          'git:set origin=https://github.com/you/blog.git -a blog',
        ],
      }),
    ),
  )
    .argument('<setting>', 'source=URL#REF, with a branch, a tag or a whole commit id; or origin=URL')
    .option(...hostKeyOption)
    .action(async (word: string, options: AppOptions & JsonOptions & { hostKey?: string }) => {
      const [, name, value = ''] = /^(source|origin)=(.+)$/s.exec(word) ?? []
      if (name === undefined)
        throw new UsageError(
          `"${word.slice(0, 80)}" is neither source=URL#REF nor origin=URL`,
          'berth git:set source=https://…',
        )
      const { client, app } = await openApp(options)
      if (name === 'source') await readyForSsh(client, app, splitSource(value).url, options.hostKey)
      const change = name === 'source' ? { source: splitSource(value) } : { origin: value }
      const all = await client.git.update({ app, ...change })
      if (options.json) printJson(all)
      else if (name === 'origin') say(`Relative URLs of submodules of ${app} count from ${all.origin ?? ''}`)
      else if (all.source) say(`${app} is kept from ${joinSource(all.source)}; \`berth git:sync -a ${app}\` deploys it`)
    })
}

function addGitUnset(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'git:unset',
        summary: 'forget which repository an app is kept from, or what relative URLs count from; what runs goes on',
        group,
        examples: ['git:unset source -a blog', 'git:unset origin -a blog'],
      }),
    ),
  )
    .argument('<setting>', 'source or origin')
    .action(async (word: string, options: AppOptions & JsonOptions) => {
      if (word !== 'origin' && word !== 'source')
        throw new UsageError(`there is no "${word.slice(0, 80)}"`, 'berth git:unset source')
      const { client, app } = await openApp(options)
      const all = await client.git.update({ app, [word]: null })
      if (options.json) printJson(all)
      else if (word === 'source') say(`${app} is kept from nowhere; \`git push\` deploys it`)
      else say(`Relative URLs of submodules of ${app} ${all.source ? 'count from its source' : 'are refused'}`)
    })
}

function addGitAuth(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'git:auth',
        summary:
          'set the password, read from standard input, for what an app is fetched from, and its submodules, at a host',
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
      else say(`${app} and its submodules are fetched from ${login.host} as ${login.user}`)
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

/** Where an app comes from, and what submodules need to be fetched. */
export function registerGitOrigin(program: Command): void {
  for (const add of [addGit, addGitSet, addGitUnset, addGitAuth, addGitAuthRemove]) add(program)
}
