/**
 * The value of a record under a name that somebody outside chose. A plain lookup finds what every object inherits, too:
 * a process type may be called `constructor`.
 */
export const own = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined
