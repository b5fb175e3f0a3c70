import type { Command } from 'commander'
import type { ApiClient } from '../api/client.js'
import { BerthError } from '../errors.js'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { print, printJson, say } from './output.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'

const group = 'Git'

interface HostKeyOptions {
  readonly hostKey?: string
}

/** The option by which a host's key is said. */
export const hostKeyOption = [
  '--host-key <key>',
  'of a host that is reached by SSH: its fingerprint (SHA256:…) or its key, as its owner publishes it',
] as const

/** The host of an address for SSH, with its port if it has one; null for an address of another kind. */
export function sshHost(url: string): string | null {
  const [, host] =
    /^(?:git\+)?ssh(?:\+git)?:\/\/(?:[^@/]*@)?([^@/]+)\//i.exec(url) ??
    (/^[a-z][a-z0-9+.-]*:\/\//i.test(url) ? null : /^(?:[^@/:[]*@)?(\[[^\]/]*\]|[^@/:[]+):/.exec(url)) ??
    []
  return host?.replace(/^(.*):22$/, '$1') ?? null
}

/**
 * Has an app know a host: by the key that is given, or by one that it shows and a person at the terminal says yes to.
 * @throws UsageError when there is nobody to ask
 */
export async function trustHost(client: ApiClient, app: string, host: string, key: string | undefined) {
  if (key !== undefined) return client.git.trustHost({ app, host, key })
  const shown = await client.git.showHost({ app, host })
  const known = shown.find((one) => one.known)
  if (known) return { host: known.host, type: known.type, fingerprint: known.fingerprint }
  const [best] = shown
  if (!best) throw new BerthError('unavailable', `${host} shows no key`)
  for (const { type, fingerprint } of shown) say(`${host} shows ${fingerprint} (${type})`)
  const hint = `compare it with what the owner of ${host} publishes, then: berth git:host ${host} --host-key ${best.fingerprint} -a ${app}`
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw new UsageError(`the key of ${host} is not known yet`, hint)
  const { createInterface } = await import('node:readline/promises')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const left = new AbortController()
  terminal.once('SIGINT', () => left.abort()).once('close', () => left.abort()) // Ctrl-C, Ctrl-D
  try {
    const answer = await terminal.question(`Is ${best.fingerprint} what its owner publishes? (yes/no) `, {
      signal: left.signal,
    })
    if (!/^y(es)?$/i.test(answer.trim())) throw new UsageError(`the key of ${host} is not known yet`, hint)
  } catch (cause) {
    if (!left.signal.aborted) throw cause
    say('')
    throw new BerthError('invalid', `${host} is not known`)
  } finally {
    terminal.close()
  }
  return client.git.trustHost({ app, host, key: best.fingerprint })
}

/** What an app needs for an address of SSH: it knows the host, and has a key, which is told. */
export async function readyForSsh(client: ApiClient, app: string, url: string, key: string | undefined): Promise<void> {
  const host = sshHost(url)
  if (host === null) {
    if (key !== undefined)
      throw new UsageError(`${url} is not reached by SSH: it has no host key`, 'leave out --host-key')
    return
  }
  const { fingerprint } = await trustHost(client, app, host, key)
  say(`${app} knows ${host} by ${fingerprint}`)
  const { made, publicKey } = await client.git.openKey({ app })
  if (!made) return
  say(`Add this at ${host}, as a deploy key that may read:\n${publicKey}`)
}

function addGitKey(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'git:key',
        summary:
          'show the key with which an app is fetched over SSH, to be added as a deploy key; it is made when there is none',
        group,
        examples: ['git:key -a blog', 'git:key --rotate -a blog'],
      }),
    ),
  )
    .option('--rotate', 'make another in its place: the old one is good no more')
    .action(async (options: AppOptions & JsonOptions & { rotate?: boolean }) => {
      const { client, app } = await openApp(options)
      const key = await client.git.openKey({ app, ...(options.rotate && { rotate: true }) })
      if (options.json) printJson(key)
      else {
        print(key.publicKey)
        say(
          `${key.fingerprint}${key.made ? ': it is new; add it where the repository is, as a deploy key that may read' : ''}`,
        )
      }
    })
}

function addGitKeyRemove(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'git:key:remove',
        summary: 'remove the key with which an app is fetched over SSH',
        group,
        examples: ['git:key:remove -a blog'],
      }),
    ),
  ).action(async (options: AppOptions & JsonOptions) => {
    const { client, app } = await openApp(options)
    const done = await client.git.removeKey({ app })
    if (options.json) printJson(done)
    else say(done.removed ? `Removed the key of ${app}; take it away where it was added, too` : `${app} has no key`)
  })
}

function addGitHost(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'git:host',
        summary: 'have an app know a host of repositories by its SSH key, and by no other from then on',
        group,
        examples: [
          'git:host github.com -a blog',
          'git:host git.example.com:2222 --host-key SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU -a blog',
        ],
      }),
    ),
  )
    .argument('<host>', 'with its port, if that is not 22')
    .option(...hostKeyOption)
    .action(async (host: string, options: AppOptions & JsonOptions & HostKeyOptions) => {
      const { client, app } = await openApp(options)
      const known = await trustHost(client, app, host, options.hostKey)
      if (options.json) printJson(known)
      else say(`${app} knows ${known.host} by ${known.fingerprint} (${known.type})`)
    })
}

function addGitHostRemove(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'git:host:remove',
        summary: 'forget the SSH key of a host',
        group,
        examples: ['git:host:remove github.com -a blog'],
      }),
    ),
  )
    .argument('<host>')
    .action(async (host: string, options: AppOptions & JsonOptions) => {
      const { client, app } = await openApp(options)
      const done = await client.git.forgetHost({ app, host })
      if (options.json) printJson(done)
      else say(done.removed ? `${app} does not know ${done.host} any more` : `${app} does not know ${done.host}`)
    })
}

/** Repositories that are reached by SSH. */
export function registerGitSsh(program: Command): void {
  for (const add of [addGitKey, addGitKeyRemove, addGitHost, addGitHostRemove]) add(program)
}
