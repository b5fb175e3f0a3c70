import { BerthError } from '../../errors.js'
import { hashPassword } from '../../lib/password-hash.js'
import type { App } from '../../store/apps.js'
import type { SsoRule } from '../../sso-rule.js'
import { rulesLimits, type PageName, type RoutingRules } from '../../routing-rules.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import { thenRouted } from '../routed.js'
import type { RoutingEdit, RoutingView } from './contract.js'
import { prepareSso, viewSso, withoutSessions } from './prepare-sso.js'

/** An edit with passwords and pages made into what is kept of them. */
type Prepared = Omit<RoutingEdit, 'users' | 'pages' | 'sso'> & {
  readonly sso: SsoRule | null | undefined
  readonly users: Readonly<Partial<Record<string, string | null>>>
  readonly pages: Readonly<Partial<Record<PageName, string | null>>>
}

const viewRules = ({ rules = {} }: App): RoutingView => ({
  maintenance: rules.maintenance ?? false,
  hold: rules.hold ?? null,
  allow: [...(rules.allow ?? [])],
  users: Object.keys(rules.users ?? {}).sort(),
  sso: viewSso(rules.sso),
  rate: rules.rate ?? null,
  clientRate: rules.clientRate ?? null,
  headers: { ...rules.headers },
  compress: rules.compress ?? false,
  sticky: rules.sticky ?? false,
  protocol: rules.protocol ?? null,
  assets: [...(rules.assets ?? [])],
  body: rules.body ?? null,
  timeout: rules.timeout ?? null,
  pages: (Object.keys(rules.pages ?? {}) as PageName[]).sort(),
})

export const routingHandlers = (platform: ControlApiDeps): HandlersOf<'routing'> => ({
  get: (_, { app }) => Promise.resolve(viewRules(app)),
  change: thenRouted(platform, changeHandler(platform)),
})

const changeHandler =
  ({ store, config }: ControlApiDeps): HandlersOf<'routing'>['change'] =>
  async ({ users = {}, pages = {}, sso, ...edit }, { app }) => {
    const htmls = Object.values(pages).filter((html) => html !== null)
    const prepared: Prepared = {
      ...edit,
      sso: sso && (await prepareSso(sso, config.ssoPrivateHosts)),
      users: await mapped(users, hashPassword),
      pages: await mapped(pages, (html) => store.pages.keep(app.id, html)),
    }
    const after = await store.apps.update(app.id, (now) => ({ rules: edited(now, prepared) }))
    await Promise.all(htmls.map((html) => store.pages.keep(app.id, html))) // now nothing sweeps them
    if (Object.keys(pages).length > 0) await store.pages.sweep(app.id)
    return viewRules(after)
  }

/** The same with every value made into another, but null. */
async function mapped<Key extends string>(
  all: Readonly<Partial<Record<Key, string | null>>>,
  make: (value: string) => Promise<string>,
): Promise<Partial<Record<Key, string | null>>> {
  const made = Object.entries(all).map(async ([key, value]) => [
    key,
    value === null ? null : await make(value as string),
  ])
  return Object.fromEntries(await Promise.all(made)) as Partial<Record<Key, string | null>>
}

/** @throws BerthError `missing` for what is to be removed and is not there, `conflict` for too many */
function edited({ name, rules = {} }: App, edit: Prepared): RoutingRules {
  const { allow = [], disallow = [] } = edit
  const stranger = disallow.find((network) => !rules.allow?.includes(network))
  if (stranger !== undefined) throw isNot(`${stranger} is not among what gets in to ${name}`, `berth access -a ${name}`)
  const nobody = Object.entries(edit.users).find(
    ([user, hash]) => hash === null && !Object.hasOwn(rules.users ?? {}, user),
  )
  if (nobody) throw isNot(`${name} has no user "${nobody[0]}"`, `berth access -a ${name}`)
  const networks = [...new Set([...(rules.allow ?? []), ...allow])].filter((network) => !disallow.includes(network))
  const users = merged(rules.users, edit.users)
  const headers = merged(rules.headers, edit.headers)
  bounded(networks.length, rulesLimits.networks, 'networks that get in')
  bounded(Object.keys(users).length, rulesLimits.users, 'users')
  bounded(Object.keys(headers).length, rulesLimits.headers, 'headers')
  const value = <Name extends 'hold' | 'rate' | 'clientRate' | 'body' | 'timeout' | 'protocol'>(field: Name) =>
    (edit[field] === undefined ? rules[field] : edit[field]) ?? undefined
  const flag = (field: 'maintenance' | 'compress' | 'sticky') =>
    (edit[field] ?? rules[field] === true) ? (true as const) : undefined
  return withoutEmpty({
    ...{ maintenance: flag('maintenance'), compress: flag('compress'), sticky: flag('sticky') },
    ...{ allow: networks, users, headers, assets: [...new Set(edit.assets ?? rules.assets ?? [])] },
    sso: ssoAfter(name, rules, edit),
    ...{ hold: value('hold'), protocol: value('protocol') },
    ...{ rate: value('rate'), clientRate: value('clientRate'), body: value('body'), timeout: value('timeout') },
    pages: merged(rules.pages, edit.pages),
  })
}

function ssoAfter(name: string, { sso }: RoutingRules, edit: Prepared): SsoRule | undefined {
  const after = edit.sso === undefined ? sso : (edit.sso ?? undefined)
  return edit.endSessions ? withoutSessions(after, name) : after
}

const isNot = (message: string, command: string): BerthError => new BerthError('missing', message, `see \`${command}\``)

function bounded(count: number, most: number, what: string): void {
  if (count > most)
    throw new BerthError('conflict', `at most ${most} ${what}, and these would be ${count}`, 'remove some')
}

/** What was there with what is new; null takes away. */
function merged(
  before: Readonly<Record<string, string>> = {},
  edit: Readonly<Partial<Record<string, string | null>>> = {},
): Record<string, string> {
  const all = Object.entries({ ...before, ...edit })
  return Object.fromEntries(all.filter((one): one is [string, string] => typeof one[1] === 'string'))
}

/** Nothing is kept of what says nothing. */
function withoutEmpty(rules: { readonly [Name in keyof RoutingRules]: RoutingRules[Name] | undefined }): RoutingRules {
  const says = (value: unknown): boolean =>
    value !== undefined && (typeof value !== 'object' || Object.keys(value as object).length > 0)
  return Object.fromEntries(Object.entries(rules).filter(([, value]) => says(value)))
}
