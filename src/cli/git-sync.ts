import type { Command } from 'commander'
import type { SyncView } from '../api/contract.js'
import { BerthError } from '../errors.js'
import { harmless } from '../lib/terminal.js'
import { addCommand } from './command.js'
import { fields, formatTime, heading, print, printJson, say, table } from './output.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'

const group = 'Git'

/** `URL#ref`, as an app is kept from it. */
export function splitSource(text: string): { url: string; ref: string | null } {
  const at = text.indexOf('#')
  return at < 0 ? { url: text, ref: null } : { url: text.slice(0, at), ref: text.slice(at + 1) || null }
}

export const joinSource = ({ url, ref }: { url: string; ref: string | null }): string =>
  ref === null ? url : `${url}#${ref}`

function addGitSync(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'git:sync',
        summary: 'fetch the repository that an app is kept from, and deploy what is new',
        group,
        examples: ['git:set source=https://github.com/you/blog.git#main -a blog', 'git:sync -a blog'],
      }),
    ),
  ).action(async (options: AppOptions & JsonOptions) => {
    const { client, app } = await openApp(options)
    const lines = await client.git.sync({ app })
    for (;;) {
      const next = await lines.next()
      if (next.done !== true) {
        process.stderr.write(harmless(next.value.text))
        continue
      }
      if (options.json) printJson(next.value)
      if (next.value.status === 'succeeded') return
      throw new BerthError('broken', 'it was not deployed', 'the reason is above; what ran before goes on')
    }
  })
}

const row = (sync: SyncView): string[] => [
  sync.id,
  sync.status,
  (sync.commit ?? '').slice(0, 7),
  formatTime(sync.createdAt),
  `${sync.cause}${sync.asked > 1 ? ` (${String(sync.asked)} times)` : ''}`,
  sync.failure ??
    (sync.build === null ? (sync.status === 'succeeded' ? 'nothing was new' : '') : `build ${sync.build}`),
]

function addGitSyncs(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'git:syncs',
        summary: 'list what was fetched for an app, newest first, and what asked for it',
        group,
        examples: ['git:syncs -a blog', 'builds:output 0mx1v6ynobd0215b9 -a blog'],
      }),
    ),
  ).action(async (options: AppOptions & JsonOptions) => {
    const { client, app } = await openApp(options)
    const syncs = await client.git.syncs({ app })
    if (options.json) printJson(syncs)
    else if (syncs.length === 0) say(`Nothing was fetched for ${app} yet; \`berth git:sync\` does`)
    else {
      print(heading(`${app} Syncs`))
      print(table(syncs.map(row)))
    }
  })
}

function addGitWebhook(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'git:webhook',
        summary: 'make the webhook of an app: what is pushed to its source is deployed; the secret is shown once',
        group,
        examples: ['git:webhook -a blog', 'git:webhook --rotate -a blog'],
      }),
    ),
  )
    .option('--rotate', 'give the one that there is another secret')
    .action(async (options: AppOptions & JsonOptions & { rotate?: boolean }) => {
      const { client, app } = await openApp(options)
      const { webhook, source } = await client.git.info({ app })
      if (webhook !== null && !options.rotate) {
        if (options.json) printJson(webhook)
        else {
          print(webhook.url)
          say('Its secret is shown no more; `berth git:webhook --rotate` gives it another')
        }
        return
      }
      const made = await client.git.openWebhook({ app })
      if (options.json) printJson(made)
      else
        print(
          fields([
            ['URL', made.url],
            ['Secret', made.secret],
          ]),
        )
      say(
        'Enter both at the host of the repository, with JSON as the content type, for pushes. The secret is not shown again',
      )
      if (source === null) say(`Say what to deploy: berth git:set source=https://HOST/REPOSITORY.git#BRANCH -a ${app}`)
    })
}

function addGitWebhookRemove(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'git:webhook:remove',
        summary: 'remove the webhook of an app: its URL and its secret are good no more',
        group,
        examples: ['git:webhook:remove -a blog'],
      }),
    ),
  ).action(async (options: AppOptions & JsonOptions) => {
    const { client, app } = await openApp(options)
    const done = await client.git.closeWebhook({ app })
    if (options.json) printJson(done)
    else say(done.removed ? `Removed the webhook of ${app}` : `${app} has no webhook`)
  })
}

/** What the server pulls by itself. */
export function registerGitSync(program: Command): void {
  for (const add of [addGitSync, addGitSyncs, addGitWebhook, addGitWebhookRemove]) add(program)
}
