import { spawn } from 'node:child_process'
import type { Secret } from '../../lib/secret.js'
import { bareEnvironment } from '../git.js'
import { endGroupOn } from '../process-group.js'
import { wayOfSsh, type SshIdentity } from './ssh.js'

/** Of what git says of an error the last this many characters are kept. */
const keptWords = 4000
/** Of what it answers, the first. */
const keptAnswer = 64 * 1024

/** What git must not do for whom we fetch from. */
const rules: readonly (readonly [string, string])[] = [
  ['http.followRedirects', 'false'],
  ['http.lowSpeedLimit', '1000'],
  ['http.lowSpeedTime', '30'],
  ['http.emptyAuth', 'false'],
  ['credential.helper', ''],
  ['core.hooksPath', '/dev/null'],
  ['core.askPass', ''],
  ['protocol.allow', 'never'],
  ['protocol.http.allow', 'always'],
  ['protocol.https.allow', 'always'],
  ['fetch.fsckObjects', 'true'],
  ['fetch.unpackLimit', '1'],
  ['fetch.recurseSubmodules', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['pack.threads', '1'],
  // as in the repositories of apps
  ['core.bigFileThreshold', '16m'],
  ['core.packedGitWindowSize', '16m'],
  ['core.packedGitLimit', '128m'],
  ['core.deltaBaseCacheLimit', '32m'],
  ['safe.directory', '*'],
  // flaws of old repositories that do no harm in a tree
  ...['zeroPaddedFilemode', 'zeroPaddedDate', 'badTimezone', 'missingEmail', 'missingNameBeforeEmail'].map(ignored),
  ...['missingSpaceBeforeEmail', 'missingSpaceBeforeDate', 'badDate', 'badDateOverflow', 'badEmail'].map(ignored),
  ...['missingTaggerEntry', 'badTagName', 'badFilemode', 'nulInCommit'].map(ignored),
]

function ignored(flaw: string): readonly [string, string] {
  return [`fetch.fsck.${flaw}`, 'ignore']
}

/** A connection that git may make. */
export interface Connection {
  readonly url: URL
  /** The addresses that its host was found at: git asks nobody again. */
  readonly addresses: readonly string[]
  readonly port: number
  /** Sent to this host alone. */
  readonly password: { readonly user: string; readonly password: Secret } | null
  /** Where it is reached over SSH. */
  readonly ssh?: SshIdentity
}

/** Settings for git by its environment, which nobody else can read: they hold the password. */
function settingsFor({ url, addresses, port, password, ssh }: Connection): Record<string, string> {
  const { hostname, origin } = url
  const isName = !addresses.includes(hostname.replace(/^\[|\]$/g, ''))
  const where = addresses.map((address) => (address.includes(':') ? `[${address}]` : address)).join(',')
  const all = [
    ...rules,
    ...(ssh
      ? ([
          ['protocol.http.allow', 'never'],
          ['protocol.https.allow', 'never'],
          ['protocol.ssh.allow', 'always'],
        ] as const)
      : []),
    ...(isName && !ssh ? [['http.curloptResolve', `${hostname}:${String(port)}:${where}`] as const] : []),
    ...(password ? [[`http.${origin}/.extraHeader`, `Authorization: Basic ${basic(password)}`] as const] : []),
  ]
  return {
    GIT_CONFIG_COUNT: String(all.length),
    ...Object.fromEntries(
      all.flatMap(([key, value], at) => [
        [`GIT_CONFIG_KEY_${String(at)}`, key],
        [`GIT_CONFIG_VALUE_${String(at)}`, value],
      ]),
    ),
  }
}

const basic = ({ user, password }: NonNullable<Connection['password']>): string =>
  Buffer.from(`${user}:${password.reveal()}`).toString('base64')

/** How a fetch ended. */
export interface FetchOutcome {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** What git said, without the password. */
  readonly said: string
  /** What it answered; longer than anybody needs it, it is cut. */
  readonly answer: string
}

/**
 * Runs git on a repository with one connection to the outside. It and all that it has started end when `signal` says so.
 * @param most bytes of the largest file that it may write
 */
export async function runFetch(
  repository: string,
  args: readonly string[],
  connection: Connection,
  { env, most, signal }: { env: Readonly<Record<string, string>>; most: number; signal: AbortSignal },
): Promise<FetchOutcome> {
  const { ssh, addresses, port } = connection
  await using way = ssh ? await wayOfSsh(repository, ssh, { address: addresses[0] ?? '', port }) : null
  const blocks = String(Math.max(1, Math.floor(most / 512)))
  // a write past the limit is an error then, and git says so; it would end without a word
  const script = 'trap "" XFSZ && ulimit -f "$1" && shift && exec git "$@"'
  const child = spawn('/bin/sh', ['-c', script, 'sh', blocks, ...args], {
    cwd: repository,
    detached: true, // its helper, which holds the connection, is of its group
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...bareEnvironment(repository),
      GIT_ALLOW_PROTOCOL: 'http:https',
      ...settingsFor(connection),
      ...way?.env,
      ...env,
    },
  })
  let [said, answer] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => {
    if (answer.length < keptAnswer) answer += chunk.toString('latin1')
  })
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-keptWords)))
  const leave = endGroupOn(signal, child)
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, by) => resolve({ code, signal: by, said: masked(said, connection), answer }))
    })
  } finally {
    leave()
  }
}

function masked(said: string, { password }: Connection): string {
  const secrets = password ? [password.password.reveal(), basic(password)] : []
  return secrets.filter((secret) => secret !== '').reduce((text, secret) => text.replaceAll(secret, '[hidden]'), said)
}
