import { may, type Caller } from '../../access/caller.js'
import { BerthError } from '../../errors.js'
import type { App } from '../../store/apps.js'
import { checkDomain } from '../../store/domains.js'
import type { OnDemand } from '../../store/on-demand.js'
import type { Store } from '../../store/store.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import { onDemandDefaults, type OnDemandView } from './contract.js'

/** Certificates on demand: one app of the instance has them. */
export function onDemandHandlers({ config, store }: ControlApiDeps): HandlersOf<'onDemand'> {
  return {
    info: (_, { app }) => view(store, app),
    set: async ({ allow = [], ask, ...limits }, { app, caller }) => {
      if (allow.length === 0 && ask === undefined)
        throw new BerthError(
          'invalid',
          'it is not said which hostnames are allowed',
          'name them with --allow, or what is asked with --ask',
        )
      const table = [...new Set(allow.map((text) => checkDomain(text, config.domain)))].sort()
      const asked = ask === undefined ? null : checkAsk(ask)
      const owner = await store.onDemand.put({ app: app.id, allow: table, ask: asked, ...withDefaults(limits) })
      if (owner !== null) throw await taken(store, owner, caller)
      return view(store, app)
    },
    off: async (_, { app }) => {
      if (!(await store.onDemand.end(app.id)))
        throw new BerthError(
          'missing',
          `${app.name} has no certificates on demand`,
          `\`berth certs:on-demand -a ${app.name} --allow HOST\` gives it some`,
        )
      return view(store, app)
    },
  }
}

type Limits = Pick<OnDemand, keyof typeof onDemandDefaults>

const withDefaults = ({
  asksPerMinute = onDemandDefaults.asksPerMinute,
  namesPerDay = onDemandDefaults.namesPerDay,
  most = onDemandDefaults.most,
}: { readonly [L in keyof Limits]?: number | undefined }): Limits => ({ asksPerMinute, namesPerDay, most })

async function view(store: Store, { id }: App): Promise<OnDemandView> {
  const [settings, app] = await Promise.all([store.onDemand.get(), store.apps.find(id)])
  const mine: OnDemand | null = settings?.app === id ? settings : null
  const { allow, ask, asksPerMinute, namesPerDay, most } = mine ?? { ...onDemandDefaults, allow: [], ask: null }
  const names = (app?.domains ?? []).filter(({ onDemand }) => onDemand).map(({ host }) => host)
  return {
    ...{ on: mine !== null, allow: [...allow], ask, asksPerMinute, namesPerDay, most },
    names: names.sort(),
    verdicts: mine === null ? [] : await store.onDemand.verdicts(),
  }
}

/** One spelling, and nothing in it that is sent elsewhere. @throws BerthError `invalid` */
function checkAsk(text: string): string {
  const wrong = (why: string): BerthError =>
    new BerthError(
      'invalid',
      `"${text.slice(0, 80)}" ${why}`,
      'write it as https://example.org/allowed, or as /allowed for a path of the app',
    )
  if (/[^\u0021-\u007e]|[\\#]/.test(text)) throw wrong('has characters that no URL has here')
  if (text.startsWith('//')) throw wrong('is neither a path nor a whole URL')
  const isPath = text.startsWith('/')
  const url = isPath ? URL.parse(text, 'http://app.invalid') : URL.parse(text)
  if (url === null || (isPath && url.host !== 'app.invalid')) throw wrong('is no URL')
  if (!isPath && url.protocol !== 'https:') throw wrong('is not https')
  if (url.username !== '' || url.password !== '') throw wrong('has a user or a password in it, which would be shown')
  return isPath ? url.pathname + url.search : url.href
}

async function taken(store: Store, owner: string, caller: Caller): Promise<BerthError> {
  const app = owner === '' ? null : await store.apps.find(owner)
  if (owner === '') return new BerthError('missing', 'the app is gone')
  const whose = app && may(caller, 'view', app) ? app.name : null
  return new BerthError(
    'conflict',
    `${whose ?? 'another app'} has certificates on demand, and one app of an instance has them`,
    whose === null ? 'whoever has that app can end that' : `\`berth certs:on-demand --off -a ${whose}\` ends that`,
  )
}
