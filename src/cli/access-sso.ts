import type { Command } from 'commander'
import type { RoutingView } from '../api/contract.js'
import { formatDuration, parseDuration } from '../lib/duration.js'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { say } from './output.js'
import { readPassword } from './password.js'
import { openApp, withApp, type AppOptions, type Session } from './session.js'

type Sso = NonNullable<RoutingView['sso']>

/** Who gets in by a gate, in words. */
export function shownSso({ issuer, emails, groups, claims }: Sso): string {
  const who = [
    emails.length > 0 ? `as ${emails.join(' or ')}` : '',
    groups.length > 0 ? `in ${groups.join(' or ')}` : '',
    ...Object.entries(claims).map(([name, value]) => `with ${name}=${value}`),
  ].filter((part) => part !== '')
  return `signed in at ${issuer}${who.length > 0 ? ` ${who.join(', ')}` : ''}`
}

/** A gate as rows of a table. */
export const ssoRows = (sso: Sso): string[][] => [
  ['signed in at', `${sso.issuer} (client ${sso.clientId}${sso.isPublic ? ', public' : ''})`],
  ['scopes', sso.scopes.join(' ')],
  ...sso.emails.map((one) => ['e-mail', one]),
  ...sso.groups.map((one) => [`group (${sso.groupsClaim})`, one]),
  ...Object.entries(sso.claims).map(([name, value]) => ['claim', `${name}=${value}`]),
  ['session', formatDuration(sso.session * 1000)],
]

interface SsoOptions extends AppOptions {
  readonly issuer?: string
  readonly clientId?: string
  readonly public?: true
  readonly scopes?: readonly string[]
  readonly allowEmail?: readonly string[]
  readonly allowGroup?: readonly string[]
  readonly groupsClaim?: string
  readonly claim?: readonly string[]
  readonly session?: string
  readonly endSessions?: true
  readonly off?: true
}

const example = 'berth access:sso --issuer https://login.example.com --client-id blog -a blog < secret.txt'

function secondsOf(text: string): number {
  const ms = parseDuration(text)
  if (ms === null) throw new UsageError(`a session cannot last "${text}"`, 'write it as 30m, 8h or 7d')
  return ms / 1000
}

/** `name=value` as a pair. @throws UsageError */
function claimOf(text: string): [name: string, value: string] {
  const at = text.indexOf('=')
  if (at < 1) throw new UsageError(`"${text}" is no claim and its value`, 'write it as --claim department=sales')
  return [text.slice(0, at), text.slice(at + 1)]
}

/** What a gate is to be, from options; without its secret. @throws UsageError */
export function readSso(options: SsoOptions) {
  const { issuer, clientId, scopes, groupsClaim, allowEmail = [], allowGroup = [], claim = [], session } = options
  if (issuer === undefined || clientId === undefined)
    throw new UsageError('there is no issuer, or no client id', example)
  return {
    ...{ issuer, clientId, emails: [...allowEmail], groups: [...allowGroup] },
    claims: Object.fromEntries(claim.map(claimOf)),
    ...(scopes === undefined ? {} : { scopes: [...new Set(['openid', ...scopes])] }),
    ...(groupsClaim === undefined ? {} : { groupsClaim }),
    ...(session === undefined ? {} : { session: secondsOf(session) }),
  }
}

async function changeOf(options: SsoOptions) {
  if (options.off) return { sso: null }
  if (options.endSessions && options.issuer === undefined) return { endSessions: true } as const
  const gate = readSso(options)
  return { sso: options.public ? gate : { ...gate, secret: await readPassword(example, "client's secret") } }
}

/** What the issuer has to be told, in words. */
async function backTo(client: Session['client'], app: string): Promise<string> {
  const { url } = await client.apps.info({ app })
  return `tell the issuer to send people back to ${url}/.berth/sso/callback, and to the same of its other hostnames`
}

export function addAccessSso(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'access:sso',
      summary: "let in who signs in at an OpenID provider, whose client's secret is read from standard input",
      group: 'Routing',
      examples: [
        'access:sso --issuer https://login.example.com --client-id blog --allow-email "*@example.com" < secret.txt',
        'access:sso --end-sessions -a blog',
        'access:sso --off -a blog',
      ],
    }),
  )
    .option('--issuer <url>', 'where people sign in, as it calls itself')
    .option('--client-id <id>', 'what this app is called there')
    .option('--public', 'the client has no secret there')
    .option('--scopes <scopes...>', 'openid, email and profile unless given')
    .option('--allow-email <patterns...>', 'of these alone: me@example.com, *@example.com')
    .option('--allow-group <groups...>', 'in one of these alone')
    .option('--groups-claim <name>', 'claim that names the groups; default groups')
    .option('--claim <claims...>', 'name=value, which has to be so')
    .option('--session <time>', 'from one sign-in to the next; default 8h, two weeks at most')
    .option('--end-sessions', 'have everybody sign in anew')
    .option('--off', 'nobody has to sign in any more')
    .action(async (options: SsoOptions) => {
      const change = await changeOf(options)
      const { client, app } = await openApp(options)
      const { sso } = await client.routing.change({ app, ...change })
      if (!sso) say(`nobody has to sign in to ${app} any more`)
      else if ('endSessions' in change) say(`everybody has to sign in to ${app} anew`)
      else say(`${app} lets in: ${shownSso(sso)}\n${await backTo(client, app)}`)
    })
}
