import type { Config } from '../config.js'
import { BerthError } from '../errors.js'
import type { Logger } from '../log.js'
import type { Store } from '../store/store.js'
import { version } from '../version.js'
import { listPlugins } from './catalog.js'
import { directoryOf, ownPlugins } from './find.js'
import type { ServicePlugin } from './kinds/service.js'
import { importPlugin, PluginName, problemsOf } from './module.js'
import type { Plugin, PluginLog } from './plugin.js'

/** What loading recipes needs. */
export interface ServicePluginsDeps {
  readonly config: Pick<Config, 'name' | 'domain'>
  readonly store: Pick<Store, 'plugins'>
  readonly log: Logger
}

const noKind = (kind: string): BerthError =>
  new BerthError(
    'invalid',
    `there is no service of kind "${kind.slice(0, 40)}"`,
    'run `berth services:versions` to see what there is',
  )

/**
 * The recipes of services, which are plugins of kind `service`. They do nothing by themselves, so that those which came with Berth need
 * no enabling, and any process may load one. The code of one is loaded when it is first asked for.
 */
export class ServicePlugins {
  readonly #deps: ServicePluginsDeps
  readonly #loaded = new Map<string, { readonly revision: number; readonly plugin: Promise<ServicePlugin> }>()

  constructor(deps: ServicePluginsDeps) {
    this.#deps = deps
  }

  /** @throws BerthError `invalid` where there is none of that name; whatever its code throws */
  async get(kind: string): Promise<ServicePlugin> {
    const record = await this.#record(kind)
    const revision = record?.revision ?? 0
    const known = this.#loaded.get(kind)
    if (known?.revision === revision) return known.plugin
    const plugin = this.#load(kind, record?.directory ?? null, record?.settings ?? {})
    this.#loaded.set(kind, { revision, plugin })
    plugin.catch(() => this.#loaded.delete(kind)) // tried anew when it is asked for again
    return plugin
  }

  /** The same, for a new service. @throws BerthError `conflict` too, of one that somebody has disabled */
  async forNew(kind: string): Promise<ServicePlugin> {
    if ((await this.#record(kind))?.enabled === false)
      throw new BerthError(
        'conflict',
        `services of kind ${kind} are disabled`,
        `an administrator may have them: \`berth plugins:enable ${kind}\``,
      )
    return this.get(kind)
  }

  /** All kinds that a new service may be of, by name. */
  async all(): Promise<{ readonly kind: string; readonly plugin: ServicePlugin }[]> {
    const known = await listPlugins(this.#deps.store)
    const usable = known.filter(({ record, untouched }) => record.kind === 'service' && (untouched || record.enabled))
    return Promise.all(usable.map(async ({ record: { name } }) => ({ kind: name, plugin: await this.get(name) })))
  }

  async #record(kind: string) {
    // the name of a folder is made of it
    if (!PluginName.safeParse(kind).success) throw noKind(kind)
    const record = await this.#deps.store.plugins.get(kind)
    if (record === null ? !(await ownPlugins()).includes(kind) : record.kind !== 'service') throw noKind(kind)
    return record
  }

  async #load(name: string, directory: string | null, given: Readonly<Record<string, string>>): Promise<ServicePlugin> {
    const loaded = await importPlugin(directoryOf({ name, directory }))
    if (loaded.kind !== 'service') throw noKind(name)
    const plugin = loaded as unknown as Plugin<'service'>
    const read = plugin.settings?.safeParse(given)
    if (read?.success === false)
      throw new BerthError('invalid', `the settings of ${name} are not right: ${problemsOf(read.error)}`)
    const { config, log } = this.#deps
    const note =
      (method: keyof PluginLog): PluginLog['info'] =>
      (message, fields = {}) =>
        log[method]({ ...fields, plugin: name }, message)
    return plugin.start({
      settings: read?.data ?? {},
      log: { info: note('info'), warn: note('warn'), error: note('error') },
      signal: new AbortController().signal,
      berth: { version, name: config.name, domain: config.domain },
      directory: () => Promise.reject(new BerthError('invalid', 'a recipe of services keeps nothing')),
    })
  }
}
