import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RoutingRules } from '../../src/routing-rules.js'
import { SsoKeys } from '../../src/sso/keys.js'
import type { SsoRule } from '../../src/sso-rule.js'
import { Browser } from './browser.js'
import { clientId, clientSecret } from './provider.js'
import { app, router, silent, type App, type RouterOptions, type TestRouter } from '../router/parts.js'

/** A router with an app, `blog.test`, that has visitors sign in. */
export interface SsoRig extends AsyncDisposable {
  readonly front: TestRouter
  readonly blog: App
  /** What the app was asked, with which headers. */
  readonly seen: {
    readonly url: string | undefined
    readonly headers: Readonly<Record<string, string | string[] | undefined>>
  }[]
  /** ms since the epoch, as the router has it. */
  now: number
  rule(change?: Partial<SsoRule>): SsoRule
  /** Gives an app a gate. */
  gate(
    sso: SsoRule | null,
    more?: { readonly rules?: RoutingRules; readonly name?: string; readonly paths?: readonly string[] },
  ): void
  browser(): Browser
  /** Another router in the place of this one, of the same instance. */
  again(): Promise<void>
}

/** @param issuer its URL */
export async function ssoRig(issuer: string, options: RouterOptions & { limit?: number } = {}): Promise<SsoRig> {
  const root = await mkdtemp(join(tmpdir(), 'berth-sso-'))
  const seen: SsoRig['seen'] = []
  const blog = await app((request, response) => {
    seen.push({ url: request.url, headers: request.headers })
    response.end(`hello ${String(request.headers['x-forwarded-user'])} at ${String(request.url)}`)
  })
  const { limit, ...more } = options
  const make = () =>
    router({
      sso: {
        ...{ keys: new SsoKeys(root, () => rig.now), log: silent, now: () => rig.now },
        walls: { trusted: ['127.0.0.1'], ...(limit === undefined ? {} : { limit }) },
      },
      ...more,
    })
  let version = 0
  const routes = new Map<string, Parameters<TestRouter['table']['apply']>[0]>()
  let front: TestRouter
  const rig: SsoRig = {
    get front() {
      return front
    },
    blog,
    seen,
    now: Date.now(),
    rule: (change = {}) => ({
      ...{ id: 'gate-of-the-blog-1', issuer, clientId, secret: clientSecret },
      ...{ scopes: ['openid', 'email', 'profile', 'groups'], groupsClaim: 'groups', session: 3_600, ...change },
    }),
    gate: (sso, { rules, name = 'blog', paths } = {}) => {
      const route = {
        ...{ app: `id-${name}`, name, hosts: paths ? [] : [`${name}.test`], targets: [blog.target(name)] },
        ...(paths && {
          paths: paths.map((path) => ({ host: 'blog.test', path, root: 'id-blog', strip: true as const })),
        }),
        ...{ version: ++version, ...((sso ?? rules) && { rules: { ...rules, ...(sso && { sso }) } }) },
      }
      routes.set(name, route)
      front.table.apply(route)
    },
    browser: () => new Browser(front.port),
    again: async () => {
      await front[Symbol.asyncDispose]()
      front = await make()
      for (const route of routes.values()) front.table.apply(route)
    },
    [Symbol.asyncDispose]: async () => {
      await front[Symbol.asyncDispose]()
      await blog[Symbol.asyncDispose]()
      await rm(root, { recursive: true })
    },
  }
  front = await make()
  return rig
}
