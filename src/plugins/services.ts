import type { Config } from '../config.js'
import { BerthError } from '../errors.js'
import type { Logger } from '../log.js'
import type { Store } from '../store/store.js'
import { version } from '../version.js'
import { directoryOf, ownPlugins } from './find.js'
import type { ServicePlugin } from './kinds/service.js'
import type { PluginRecord } from '../store/plugins.js'
import { importPlugin, PluginName, problemsOf } from './module.js'
import type { Plugin, PluginLog } from './plugin.js'
import { noKind } from './service-kinds.js'
import { mostHeld, ThreadGuard, timesHeld } from './thread-guard.js'

/** What loading recipes needs. */
export interface ServicePluginsDeps {
  readonly config: Pick<Config, 'root' | 'name' | 'domain'>
  readonly store: Pick<Store, 'plugins'>
  readonly log: Logger
}

/**
 * The recipes of services, which are plugins of kind `service`. They do nothing by themselves, so that those which came with Berth need
 * no enabling. The worker alone has them; others ask the record of a service, or `serviceKinds`. The code of one is loaded when it is
 * first asked for.
 */
export class ServicePlugins {
  readonly #deps: ServicePluginsDeps
  readonly #loaded = new Map<string, { readonly revision: number; readonly plugin: Promise<ServicePlugin> }>()
  readonly #guard: ThreadGuard

  constructor(deps: ServicePluginsDeps) {
    this.#deps = deps
    this.#guard = new ThreadGuard(deps.config.root)
  }

  /** @throws BerthError `invalid` where there is none of that name; whatever its code throws */
  async get(kind: string): Promise<ServicePlugin> {
    const record = await this.#record(kind)
    const revision = record?.revision ?? 0
    const known = this.#loaded.get(kind)
    if (known?.revision === revision) return known.plugin
    const plugin = this.#load(kind, record)
    this.#loaded.set(kind, { revision, plugin })
    plugin.catch(() => this.#loaded.delete(kind)) // tried anew when it is asked for again
    return plugin
  }

  async #record(kind: string) {
    // the name of a folder is made of it
    if (!PluginName.safeParse(kind).success) throw noKind(kind)
    const record = await this.#deps.store.plugins.get(kind)
    if (record === null ? !(await ownPlugins()).includes(kind) : record.kind !== 'service') throw noKind(kind)
    return record
  }

  async #load(name: string, record: PluginRecord | null): Promise<ServicePlugin> {
    // those that came with Berth are as much Berth as the rest of this process
    if (record === null || record.directory === null) return this.#open(name, record)
    const { root } = this.#deps.config
    const { revision } = record
    const held = await timesHeld(root, name, revision)
    if (held >= mostHeld)
      throw new BerthError(
        'broken',
        `the plugin ${name} has kept the thread of its process ${held} times, until that was ended`,
        `\`berth plugins:update ${name}\` where there is a better one`,
      )
    const opens = await this.#guard.guard(name, revision, { open: () => this.#open(name, record) })
    return this.#guard.guard(name, revision, await opens.open())
  }

  async #open(name: string, record: PluginRecord | null): Promise<ServicePlugin> {
    const { directory = null, settings: given = {} } = record ?? {}
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
