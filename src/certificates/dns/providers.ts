import type { DnsPlugin } from '../../plugins/public.js'
import type { RunningPlugins } from '../../plugins/running.js'
import { longestZone } from '../../plugins/zones.js'
import { BerthError, messageOf } from '../../errors.js'
import type { Store } from '../../store/store.js'
import { aliasOf } from './alias.js'
import { awaitText } from './propagation.js'
import type { TxtRecords } from './records.js'

/** ms that name servers have to say what was set. */
const defaultPatience = 120_000
/** Aliases that are followed from one name: resolvers give up at about as many. */
const mostAliases = 8

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

interface Choice {
  /** Whoever has the longest zone that a name is in. */
  readonly best: Chosen | null
  /** What those say that cannot tell. */
  readonly whys: readonly string[]
  /** Plugins that were asked. */
  readonly count: number
}

/** Where a record is made, and by whom. */
interface Place extends Chosen {
  readonly name: string
}

/**
 * The plugins of kind `dns`: each name is of the one that has the longest zone it is in. A name that is an alias is not theirs to have
 * records at, and a CA follows it (RFC 8555 §8.4): what it leads to is.
 */
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
    const { plugin, zone, name: at } = await this.#follow(name, signal)
    await plugin.add({ zone, name: at, text }, signal)
    await awaitText({ zone, name: at, text }, { servers: plugin.servers, resolvers, patience, signal })
  }

  async remove(name: string, text: string, signal: AbortSignal): Promise<void> {
    const { plugin, zone, name: at } = await this.#follow(name, signal)
    await plugin.remove({ zone, name: at, text }, signal)
  }

  /** @throws BerthError `unavailable` where none has a zone that it comes to, or it comes to none */
  async #follow(name: string, signal: AbortSignal): Promise<Place> {
    let at = name
    for (let followed = 0; followed <= mostAliases; followed++) {
      const choice = await this.#choose(at, signal)
      const next = await this.#aliasOf(at, choice)
      signal.throwIfAborted()
      if (next !== null) at = next
      else if (at !== name && !isForChallenges(at)) throw notForChallenges(name, at)
      else if (choice.best === null) throw nobodyHas(at, choice)
      else return { ...choice.best, name: at }
    }
    throw new BerthError(
      'unavailable',
      `${name} is an alias of an alias, more than ${String(mostAliases)} times`,
      'have its CNAME lead to where the records are made',
    )
  }

  /** Where DNS is away: if a plugin has the zone, the wait for what it sets says so; if none can have it, that comes first. */
  async #aliasOf(name: string, { best, whys, count }: Choice): Promise<string | null> {
    const { servers = [] } = best?.plugin ?? {}
    try {
      return await aliasOf(name, servers.length > 0 ? servers : this.#deps.resolvers)
    } catch (error) {
      if (best !== null || whys.length > 0 || count === 0) return null
      throw error
    }
  }

  async #choose(name: string, signal: AbortSignal): Promise<Choice> {
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
    return { best, whys: asked.flatMap(({ why }) => (why === null ? [] : [why])), count: asked.length }
  }
}

/** Whose DNS an alias is in has a say in where it leads: records made for it are to be in nobody's way. */
const isForChallenges = (name: string): boolean => name.split('.').includes('_acme-challenge')

const notForChallenges = (name: string, at: string): BerthError =>
  new BerthError(
    'unavailable',
    `${name} is an alias of ${at}, which is no place for challenges`,
    'have it lead to a name below `_acme-challenge`, as to shop._acme-challenge.example.net',
  )

const nobodyHas = (name: string, { whys: [why] }: Choice): BerthError =>
  new BerthError(
    'unavailable',
    why ?? `no DNS plugin that runs has a zone that ${name} is in`,
    '`berth plugins` says which run, and `berth plugins:info` what each is set to',
  )
