import { BerthError } from '../errors.js'
import type { PluginRecord } from '../store/plugins.js'
import type { Store } from '../store/store.js'
import { describePlugins, type ServiceDescription } from './describe.js'
import { directoryOf, ownPlugins } from './find.js'

/** A kind of service that a new one may be of. */
export interface ServiceKind extends ServiceDescription {
  /** Name of the plugin. */
  readonly kind: string
}

/** ms that the recipe of somebody else has to say what it is of. */
const patience = 5000

/** @returns an error `invalid` */
export const noKind = (kind: string): BerthError =>
  new BerthError(
    'invalid',
    `there is no service of kind "${kind.slice(0, 40)}"`,
    'run `berth services:versions` to see what there is',
  )

type Candidate = Pick<PluginRecord, 'name' | 'directory' | 'settings'>

/**
 * All kinds that a new service may be of, by name. Code of recipes runs in processes of their own: one of somebody else that does not
 * load is left out, and spoils no other.
 */
export async function serviceKinds(store: Pick<Store, 'plugins'>): Promise<ServiceKind[]> {
  const records = await store.plugins.list()
  const own = (await ownPlugins()).filter((name) => !records.some((record) => record.name === name))
  const used = records.filter(({ kind, enabled }) => kind === 'service' && enabled)
  const all = await Promise.all([
    describe(own.map((name) => ({ name, directory: null, settings: {} }))),
    ...used.map((record) => describe([record], record.directory === null ? undefined : patience)),
  ])
  return all
    .flat()
    .flatMap(({ known }) => (known === null ? [] : [known]))
    .sort((a, b) => (a.kind < b.kind ? -1 : 1))
}

/** One of them. @throws BerthError `invalid` where there is none, `conflict` of one that is disabled, `broken` where its code does not load */
export async function serviceKind(store: Pick<Store, 'plugins'>, kind: string): Promise<ServiceKind> {
  const record = await store.plugins.get(kind)
  if (record === null ? !(await ownPlugins()).includes(kind) : record.kind !== 'service') throw noKind(kind)
  if (record?.enabled === false)
    throw new BerthError(
      'conflict',
      `services of kind ${kind} are disabled`,
      `an administrator may have them: \`berth plugins:enable ${kind}\``,
    )
  const candidate = record ?? { name: kind, directory: null, settings: {} }
  const [seen] = await describe([candidate], candidate.directory === null ? undefined : patience)
  if (seen?.known) return seen.known
  if (seen?.problem == null) throw noKind(kind)
  throw new BerthError(
    'broken',
    `the plugin ${kind} does not load: ${seen.problem}`,
    `see \`berth plugins:info ${kind}\``,
  )
}

async function describe(candidates: readonly Candidate[], limit?: number) {
  const requests = candidates.map(({ name, directory, settings }) => ({
    ...{ directory: directoryOf({ name, directory }), settings, service: true as const },
  }))
  const seen = await describePlugins(requests, limit)
  return candidates.map(({ name }, at) => {
    const { service = null, problem = null } = seen[at] ?? {}
    return { known: service === null ? null : { kind: name, ...service }, problem }
  })
}
