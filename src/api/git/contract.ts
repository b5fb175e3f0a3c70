import { z } from 'zod'
import { OfApp, Time } from '../schemas.js'

export const GitLoginView = z.strictObject({
  host: z.string().describe('as a URL has it, with its port if it has one'),
  user: z.string(),
})

export const GitSourceView = z.strictObject({
  url: z.string().describe('http, https, ssh, or `user@host:path`'),
  ref: z.string().nullable().describe('a branch, a tag, or a whole commit id; null is the default branch'),
})

export const SyncView = z.strictObject({
  id: z.string().describe('sorts by time'),
  status: z.enum(['waiting', 'running', 'succeeded', 'failed']),
  cause: z.string().describe('`command`, or who sent the webhook'),
  asked: z.int().describe('how often it was asked for while it waited'),
  source: z.string().describe('URL#ref'),
  createdAt: Time,
  finishedAt: Time.nullable(),
  commit: z.string().nullable().describe('what was fetched'),
  build: z.string().nullable().describe('id of the build; null when nothing was new'),
  failure: z.string().nullable().describe('why it failed, one line'),
})
export type SyncView = z.output<typeof SyncView>

const WebhookView = z.strictObject({ url: z.string(), createdAt: Time.describe('when it got its secret') })

const GitKeyView = z.strictObject({
  publicKey: z.string().describe('what a host takes as a deploy key; the private half leaves the server never'),
  fingerprint: z.string(),
  createdAt: Time,
})

const HostKeyView = z.strictObject({
  host: z.string().describe('with its port, if that is not 22'),
  type: z.string(),
  fingerprint: z.string().describe('SHA256:…'),
})

export const GitView = z.strictObject({
  origin: z.string().nullable().describe('URL that the URLs of submodules are relative to'),
  deployBranch: z.string().nullable().describe('branch whose pushes deploy; null is main or master'),
  source: GitSourceView.nullable().describe('repository that `sync` fetches'),
  webhook: WebhookView.nullable(),
  key: GitKeyView.nullable().describe('with which other repositories are fetched over SSH'),
  hosts: z.array(HostKeyView).describe('that are known, and by which key'),
  logins: z.array(GitLoginView).describe('where other repositories are fetched with a password, which nobody is shown'),
})
export type GitView = z.output<typeof GitView>

export const git = {
  info: { summary: 'Describe where an app and its submodules come from', needs: 'view', params: OfApp, reply: GitView },
  update: {
    summary: 'Say where the repository of an app comes from',
    needs: 'manage',
    params: OfApp,
    body: z.strictObject({
      origin: z.string().max(2000).nullable().optional().describe('http, https or ssh; null is nowhere'),
      source: z
        .strictObject({ url: z.string().max(2000), ref: z.string().max(200).nullable() })
        .nullable()
        .optional()
        .describe('what `sync` fetches; null is nothing'),
    }),
    reply: GitView,
  },
  authorize: {
    summary: "Set the password with which an app's source and submodules are fetched from a host",
    needs: 'operate',
    params: OfApp,
    body: z.strictObject({
      host: z.string().max(300).describe('github.com, git.example.com:8443'),
      user: z.string().min(1).max(200),
      password: z.string().min(1).max(4096).describe('or an access token'),
    }),
    reply: GitLoginView,
  },
  forget: {
    summary: 'Forget a password of a host',
    needs: 'operate',
    params: z.strictObject({ ...OfApp.shape, host: z.string() }),
    reply: GitLoginView,
  },
  sync: {
    summary: 'Fetch the source of an app, and deploy what is new',
    needs: 'deploy',
    params: OfApp,
    reply: z.strictObject({ text: z.string() }),
    stream: 'lines',
    end: SyncView,
  },
  syncs: { summary: 'List syncs, newest first', needs: 'view', params: OfApp, reply: z.array(SyncView) },
  openKey: {
    summary: 'Make the SSH key of an app, unless it has one',
    needs: 'manage',
    params: OfApp,
    body: z.strictObject({ rotate: z.boolean().optional().describe('another in its place') }),
    reply: GitKeyView.extend({ made: z.boolean().describe('whether it is new') }),
  },
  removeKey: {
    summary: 'Remove the SSH key of an app',
    needs: 'manage',
    params: OfApp,
    reply: z.strictObject({ removed: z.boolean().describe('whether there was one') }),
  },
  showHost: {
    summary: 'Ask a host for its SSH keys',
    needs: 'operate',
    params: z.strictObject({ ...OfApp.shape, host: z.string() }),
    reply: z.array(HostKeyView.extend({ known: z.boolean().describe('whether the app knows it by this key') })),
  },
  trustHost: {
    summary: 'Know an SSH host by a key from now on',
    needs: 'operate',
    params: OfApp,
    body: z.strictObject({
      host: z.string().max(300).describe('github.com, git.example.com:2222'),
      key: z
        .string()
        .max(4000)
        .describe('`SHA256:…`, of a key that it shows now, or the whole key, as a known_hosts file has it'),
    }),
    reply: HostKeyView,
  },
  forgetHost: {
    summary: 'Forget the key of an SSH host',
    needs: 'operate',
    params: z.strictObject({ ...OfApp.shape, host: z.string() }),
    reply: z.strictObject({ host: z.string(), removed: z.boolean().describe('whether it was known') }),
  },
  openWebhook: {
    summary: 'Make the webhook of an app, or give it another secret',
    needs: 'manage',
    params: OfApp,
    reply: WebhookView.extend({ secret: z.string().describe('shown this once') }),
    status: 201,
  },
  closeWebhook: {
    summary: 'Remove the webhook of an app',
    needs: 'manage',
    params: OfApp,
    reply: z.strictObject({ removed: z.boolean().describe('whether there was one') }),
  },
} as const
