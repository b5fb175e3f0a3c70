import type { DnsPlugin } from '../../plugins/public.js'
import type { RunningPlugins } from '../../plugins/running.js'
import { longestZone } from '../../plugins/zones.js'
import { BerthError, messageOf } from '../../errors.js'
import type { Store } from '../../store/store.js'
import { awaitText } from './propagation.js'
import type { TxtRecords } from './records.js'

/** ms that name servers have to say what was set. */
const defaultPatience = 120_000

export interface DnsProvidersDeps {
  readonly plugins: Pick<RunningPlugins, 'running'>
  readonly store: Pick<Store, 'plugins'>
  readonly resolvers: readonly string[]
  readonly patience?: number
}

/** Who makes a record, and in which zone. */
interface Chosen {
  readonly plugin: DnsPlugin
  readonly zone: string
}

/** The plugins of kind `dns`: each name is of the one that has the longest zone it is in. */
export class DnsProviders implements TxtRecords {
  readonly #deps: DnsProvidersDeps
  constructor(deps: DnsProvidersDeps) {
    this.#deps = deps
  }

  isThere(): Promise<boolean> {
    return this.#deps.store.plugins.hasEnabled('dns')
  }

  async add(name: string, text: string, signal: AbortSignal): Promise<void> {
    const { resolvers, patience = defaultPatience } = this.#deps
    const { plugin, zone } = await this.#choose(name, signal)
    await plugin.add({ zone, name, text }, signal)
    await awaitText({ zone, name, text }, { servers: plugin.servers, resolvers, patience, signal })
  }

  async remove(name: string, text: string, signal: AbortSignal): Promise<void> {
    const { plugin, zone } = await this.#choose(name, signal)
    await plugin.remove({ zone, name, text }, signal)
  }

  /** @throws BerthError `unavailable` where none has a zone that the name is in, or says so */
  async #choose(name: string, signal: AbortSignal): Promise<Chosen> {
    const running = await this.#deps.plugins.running('dns')
    const asked = await Promise.all(
      running.map(async ({ name: plugin, instance }) => {
        try {
          return { plugin: instance, zone: await instance.zoneOf(name, signal), why: null }
        } catch (error) {
          if (signal.aborted) throw signal.reason
          return { plugin: instance, zone: null, why: `${plugin}: ${messageOf(error)}` }
        }
      }),
    )
    let best: Chosen | null = null
    for (const { plugin, zone } of asked)
      if (zone !== null && longestZone(name, [zone]) !== null && zone.length > (best?.zone.length ?? 0))
        best = { plugin, zone }
    if (best !== null) return best
    const whys = asked.flatMap(({ why }) => (why === null ? [] : [why]))
    throw new BerthError(
      'unavailable',
      whys[0] ?? `no DNS plugin that runs has a zone that ${name} is in`,
      '`berth plugins` says which run, and `berth plugins:info` what each is set to',
    )
  }
}
