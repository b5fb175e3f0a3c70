import type { Command } from 'commander'
import { createClient, type ApiClient } from '../api/client.js'
import { BerthError, is } from '../errors.js'
import { readCredentials, type Credentials } from '../credentials.js'
import { UsageError } from './failure.js'
import { currentApp } from './repository.js'

/** A person's standing with one Berth. */
export interface Session {
  readonly credentials: Credentials
  readonly client: ApiClient
}

/** Options of every command that belongs to an app. */
export interface AppOptions {
  readonly app?: string
}

export interface JsonOptions {
  readonly json?: boolean
}

/** @throws BerthError `unauthenticated` when there is no token on this machine */
export async function openSession(): Promise<Session> {
  const credentials = await readCredentials()
  if (credentials === null)
    throw new BerthError(
      'unauthenticated',
      'no Berth is known here',
      '`berth login URL` uses one that runs elsewhere, `bin/up` starts one here',
    )
  return { credentials, client: createClient(credentials) }
}

/** Says of a refused token where it came from, and what to do. */
export function explainToken(error: unknown, env: NodeJS.ProcessEnv = process.env): unknown {
  if (!is(error, 'unauthenticated') || !env.BERTH_TOKEN) return error
  return new BerthError(
    'unauthenticated',
    `the token in BERTH_TOKEN is not good: ${error.message}`,
    'unset BERTH_TOKEN to use the one kept on this machine, or set it to one that `berth tokens:create` prints there',
    error,
  )
}

/** The app a command is about: `-a`, else BERTH_APP, else the current directory's git remote. @throws UsageError */
export async function chooseApp({ credentials }: Session, { app }: AppOptions): Promise<string> {
  const chosen = app ?? process.env.BERTH_APP ?? (await currentApp(credentials.url))
  if (chosen === null || chosen === '')
    throw new UsageError('no app chosen', 'say which with `-a APP`, or go to a git repository with a `berth` remote')
  return chosen
}

/** The session and the app of a command. */
export async function openApp(options: AppOptions): Promise<Session & { app: string }> {
  const session = await openSession()
  return { ...session, app: await chooseApp(session, options) }
}

/** Adds `-a, --app`. */
export const withApp = (command: Command): Command =>
  command.option('-a, --app <app>', "the app; default that of the current directory's git remote")

/** Adds `--json`. */
export const withJson = (command: Command): Command => command.option('--json', 'print JSON')
