import type { PluginRecord } from '../store/plugins.js'

/** Which plugins are started, in which order, and which are not. */
export interface PluginOrder {
  readonly order: readonly PluginRecord[]
  /** Why some are not, by name. */
  readonly skipped: ReadonlyMap<string, string>
}

/** Puts each plugin after those that it requires. Circles, and what is missing, keep those that need them from starting and no other. */
export function orderOf(records: readonly PluginRecord[]): PluginOrder {
  const known = new Map(records.map((record) => [record.name, record]))
  const order: PluginRecord[] = []
  const skipped = new Map<string, string>()
  const visit = (record: PluginRecord, path: readonly string[]): string | null => {
    const { name } = record
    if (order.includes(record)) return null
    const before = skipped.get(name)
    if (before !== undefined) return before
    if (path.includes(name)) return `they require each other: ${[...path.slice(path.indexOf(name)), name].join(' -> ')}`
    const why = record.enabled ? missingOf(record, [...path, name]) : 'it is not enabled'
    if (why !== null) skipped.set(name, why)
    else order.push(record)
    return why
  }
  const missingOf = ({ requires }: PluginRecord, path: readonly string[]): string | null => {
    for (const name of requires) {
      const other = known.get(name)
      if (other === undefined) return `it requires ${name}, which is not installed`
      const why = visit(other, path)
      if (why !== null)
        return why.startsWith('they require') ? why : `it requires ${name}, which does not start: ${why}`
    }
    return null
  }
  for (const record of records) visit(record, [])
  for (const { name, enabled } of records) if (!enabled) skipped.delete(name)
  return { order, skipped }
}
