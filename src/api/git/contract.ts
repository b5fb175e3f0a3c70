import { z } from 'zod'
import { OfApp } from '../schemas.js'

export const GitLoginView = z.strictObject({
  host: z.string().describe('as a URL has it, with its port if it has one'),
  user: z.string(),
})

export const GitView = z.strictObject({
  origin: z.string().nullable().describe('URL that the URLs of submodules are relative to'),
  deployBranch: z.string().nullable().describe('branch whose pushes deploy; null is main or master'),
  logins: z.array(GitLoginView).describe('where submodules are fetched with a password, which nobody is shown'),
})
export type GitView = z.output<typeof GitView>

export const git = {
  info: { summary: 'Describe where an app and its submodules come from', needs: 'view', params: OfApp, reply: GitView },
  update: {
    summary: 'Say where the repository of an app comes from',
    needs: 'manage',
    params: OfApp,
    body: z.strictObject({ origin: z.string().max(2000).nullable().describe('http or https; null is nowhere') }),
    reply: GitView,
  },
  authorize: {
    summary: "Set the password with which an app's submodules are fetched from a host",
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
} as const
