import type { Command } from 'commander'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { print, printJson, say } from './output.js'
import { registerGitOrigin } from './git-origin.js'
import { registerGitSsh } from './git-ssh.js'
import { registerGitSync } from './git-sync.js'
import { inRepository, setRemote } from './repository.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'

const group = 'Git'

function addGitRemote(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'git:remote',
      summary: 'add a git remote for an app to the current repository and let git use your token',
      group,
      examples: ['git:remote -a blog', 'git:remote -a blog-staging -r staging'],
    }),
  )
    .option('-r, --remote <name>', 'name of the remote', 'berth')
    .action(async (options: AppOptions & { remote: string }) => {
      if (!(await inRepository())) throw new UsageError('this is no git repository', 'make one with `git init`')
      const { client, credentials, app } = await openApp(options)
      const { gitUrl } = await client.apps.info({ app })
      await setRemote(credentials, options.remote, gitUrl)
      say(`Git remote ${options.remote} leads to ${app}`)
      print(gitUrl)
    })
}

function addGitBranch(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'git:branch',
        summary: 'choose the branch whose pushes deploy; without arguments, show it',
        group,
        examples: ['git:branch production -a blog', 'git:branch --default', 'git:branch'],
      }),
    ),
  )
    .argument('[branch]')
    .option('--default', 'main or master again')
    .action(async (branch: string | undefined, options: AppOptions & JsonOptions & { default?: boolean }) => {
      if (branch !== undefined && options.default) throw new UsageError('a branch and --default contradict each other')
      const { client, app } = await openApp(options)
      if (branch === undefined && !options.default) {
        const { deployBranch } = await client.apps.info({ app })
        if (options.json) printJson({ deployBranch })
        else print(deployBranch ?? 'main or master')
        return
      }
      await client.apps.update({ app, deployBranch: branch ?? null })
      say(`Pushes to ${branch ?? 'main or master'} deploy ${app}`)
    })
}

export function registerGit(program: Command): void {
  for (const add of [addGitRemote, addGitBranch, registerGitOrigin, registerGitSsh, registerGitSync]) add(program)
}
