import type { Command } from 'commander'
import type { DomainCheck, DomainInfo, DomainView } from '../api/contract.js'
import { BerthError } from '../errors.js'
import { isPlatform, withPlatform, type PlatformOptions } from './certs-of.js'
import { formatDuration, parseDuration } from '../lib/duration.js'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { formatTime, heading, print, printJson, say, table } from './output.js'
import { certified, checkPlatform, setPlatformHttps, showPlatform } from './platform.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'

const group = 'Domains'

/** As people read it, and beside it as DNS has it where that is another. */
const shownHost = ({ host, shown }: Pick<DomainView, 'host' | 'shown'>): string =>
  host === shown ? host : `${shown} (${host})`

/** With the path. */
const shownPlace = (view: DomainView): string => shownHost(view) + (view.path ?? '')

const listed = (all: readonly DomainView[]): string => all.map(shownPlace).join(', ')

/** Why the app answers there. */
function reasonOf(one: DomainInfo): string {
  if (one.own) return 'by its name'
  if (one.path !== null && one.of === null) return 'leads nowhere: the hostname has changed hands'
  if (one.path !== null) return `of ${one.of ?? ''}${one.strip ? ', asked without the path' : ''}`
  if (one.redirect === null && one.onDemand) return `on demand, since ${formatTime(one.createdAt)}`
  return one.redirect === null ? `since ${formatTime(one.createdAt)}` : `to ${one.redirect}`
}

function addDomains(program: Command): void {
  withJson(
    withPlatform(
      addCommand(program, {
        name: 'domains',
        summary: 'list the hostnames of an app, and how it is with their certificates',
        group,
        examples: ['domains -a blog', 'domains --json', 'domains --platform'],
      }),
    ),
  )
    .alias('domains:list')
    .action(async (options: PlatformOptions & JsonOptions) => {
      if (isPlatform(options)) return showPlatform(options)
      const { client, app } = await openApp(options)
      const all = await client.domains.list({ app })
      if (options.json) {
        printJson(all)
        return
      }
      print(heading(`${app} Domains`))
      print(
        table(
          all.flatMap((one) => [
            [shownPlace(one), reasonOf(one), certified(one)],
            ...one.guests.map(({ path, app: guest }) => [
              `${shownHost(one)}${path}`,
              `led to ${guest ?? 'another app'}`,
              '',
            ]),
          ]),
        ),
      )
    })
}

function addDomainsAdd(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'domains:add',
        summary:
          'give an app hostnames, wildcards too, or a path of those of another app; it answers there at once, and nothing is restarted',
        group,
        examples: [
          'domains:add example.org www.example.org -a blog',
          "domains:add '*.example.org'",
          'domains:add example.org --path /api --strip -a backend',
        ],
      }),
    ),
  )
    .argument('<hosts...>', 'shop.example.org, *.example.org, müller.example')
    .option('--path <path>', 'below this path alone: the rest of the hostname stays what it is')
    .option('--strip', 'the app is asked without the path, and told it in X-Forwarded-Prefix')
    .action(async (hosts: string[], options: AppOptions & JsonOptions & { path?: string; strip?: boolean }) => {
      const { path, strip } = options
      if (strip && path === undefined) throw new UsageError('--strip takes away a path', 'name it with --path /api')
      const { client, app } = await openApp(options)
      const added = await client.domains.add({ app, hosts, ...(path !== undefined && { path, strip: strip ?? false }) })
      if (options.json) printJson(added)
      else say(`${app} answers at ${listed(added)}, as soon as DNS leads there`)
    })
}

function addDomainsRemove(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'domains:remove',
        summary: 'take hostnames, or a path of such, from an app, at once',
        group,
        examples: ['domains:remove www.example.org -a blog', 'domains:remove example.org --path /api -a backend'],
      }),
    ),
  )
    .argument('<hosts...>')
    .option('--path <path>', 'the path that it has of them')
    .action(async (hosts: string[], options: AppOptions & JsonOptions & { path?: string }) => {
      const { path } = options
      const { client, app } = await openApp(options)
      const gone: DomainView[] = []
      for (const host of hosts) {
        const one = await client.domains.remove({ app, host, ...(path !== undefined && { path }) })
        gone.push(one)
        if (!options.json) say(`Removed ${shownPlace(one)} from ${app}`)
      }
      if (options.json) printJson(gone)
    })
}

function addDomainsClear(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'domains:clear',
        summary: 'take all hostnames from an app but its own',
        group,
        examples: ['domains:clear --confirm blog -a blog'],
      }),
    ),
  )
    .option('--confirm <app>', 'the name of the app, once more')
    .action(async (options: AppOptions & JsonOptions & { confirm?: string }) => {
      const { client, app } = await openApp(options)
      if (options.confirm !== app)
        throw new UsageError(`this takes all domains from ${app}`, `say so with \`--confirm ${app}\``)
      const gone = await client.domains.clear({ app })
      if (options.json) printJson(gone)
      else say(gone.length === 0 ? `${app} has no domains but its own` : `Removed ${listed(gone)} from ${app}`)
    })
}

function addDomainsRedirect(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'domains:redirect',
        summary:
          'have clients of a hostname sent on to another of the app, as www to the name without; path and query stay',
        group,
        examples: ['domains:redirect www.example.org example.org -a blog', 'domains:redirect www.example.org --off'],
      }),
    ),
  )
    .argument('<from>')
    .argument('[to]')
    .option('--off', 'have the app answer there again')
    .action(async (host: string, to: string | undefined, options: AppOptions & JsonOptions & { off?: boolean }) => {
      if ((to === undefined) !== (options.off === true))
        throw new UsageError('name a host to send clients on to, or say --off', 'berth domains:redirect FROM TO')
      const { client, app } = await openApp(options)
      const one = await client.domains.redirect({ app, host, to: to ?? null })
      if (options.json) printJson(one)
      else if (one.redirect === null) say(`${app} answers at ${shownHost(one)} again`)
      else say(`Clients of ${shownHost(one)} are sent on to ${one.redirect}`)
    })
}

/** How long browsers remember, unless somebody says. */
const usualHsts = '180d'

/** Seconds. @throws UsageError */
function readHsts(text: string | true | undefined): number | undefined {
  if (text === undefined) return undefined
  if (text === '0') return 0
  const ms = parseDuration(text === true ? usualHsts : text)
  if (ms === null) throw new UsageError(`"${String(text).slice(0, 40)}" is no duration`, 'write it as 30d or 12h')
  return ms / 1000
}

function addDomainsHttps(program: Command): void {
  withJson(
    withPlatform(
      addCommand(program, {
        name: 'domains:https',
        summary:
          'have clients that come by plain HTTP sent on to HTTPS, or not; of Berth itself: refuse what comes by it',
        group,
        examples: [
          'domains:https on -a blog',
          'domains:https on --hsts 180d',
          'domains:https off',
          'domains:https on --platform',
        ],
      }),
    ),
  )
    .argument('<on|off>')
    .option(
      '--hsts [duration]',
      `browsers that came come by nothing else for so long: 30d, ${usualHsts} unless said; 0: they forget`,
    )
    .action(async (word: string, options: PlatformOptions & JsonOptions & { hsts?: string | true }) => {
      if (word !== 'on' && word !== 'off') throw new UsageError(`"${word.slice(0, 40)}" is neither on nor off`)
      const hsts = readHsts(options.hsts)
      if (isPlatform(options) && hsts !== undefined)
        throw new UsageError('--hsts is for apps: browsers are no way to Berth itself')
      if (isPlatform(options)) return setPlatformHttps(word === 'on', options)
      const { client, app } = await openApp(options)
      const done = await client.domains.https({ app, https: word === 'on', ...(hsts === undefined ? {} : { hsts }) })
      if (options.json) printJson(done)
      else {
        say(done.https ? `Clients of ${app} are sent on to HTTPS` : `${app} answers by plain HTTP, too`)
        if (done.hsts === 0) say('Browsers are told to forget that they were to come by HTTPS alone')
        else if (done.hsts !== null)
          say(`Browsers that came once come by HTTPS alone, for ${formatDuration(done.hsts * 1000)}`)
      }
    })
}

function addDomainsCheck(program: Command): void {
  withJson(
    withPlatform(
      addCommand(program, {
        name: 'domains:check',
        summary: "ask DNS where the hostnames of an app, or Berth's own, lead, and say what it should answer",
        group,
        examples: ['domains:check -a blog', 'domains:check --platform', 'domains:check --json'],
      }),
    ),
  ).action(async (options: PlatformOptions & JsonOptions) => {
    const checks = isPlatform(options) ? await checkPlatform() : await checkApp(options)
    if (options.json) printJson(checks)
    else print(checks.map(shownCheck).join('\n'))
    const wrong = checks.filter(({ status }) => status !== 'here').length
    if (wrong > 0)
      throw new BerthError(
        'conflict',
        `${wrong} of ${checks.length} hostnames do not lead here, or not alone`,
        'change their records where the DNS of the domain is kept; what is old may be remembered for a while',
      )
  })
}

async function checkApp(options: AppOptions): Promise<DomainCheck[]> {
  const { client, app } = await openApp(options)
  return client.domains.check({ app })
}

/** One hostname: where it leads, and the records that would lead here. */
export function shownCheck(check: DomainCheck): string {
  const { should, cname, says } = check
  const isAlias = should.some((record) => record.includes(' CNAME '))
  return [
    `${shownHost(check)}: ${says}${cname === null ? '' : ` (by a CNAME to ${cname})`}`,
    ...should.map(
      (record, at) => `    ${isAlias && at === should.length - 1 ? 'or instead: ' : 'should be:  '}${record}`,
    ),
  ].join('\n')
}

export function registerDomains(program: Command): void {
  for (const add of [
    addDomains,
    addDomainsAdd,
    addDomainsRemove,
    addDomainsClear,
    addDomainsRedirect,
    addDomainsHttps,
    addDomainsCheck,
  ])
    add(program)
}
