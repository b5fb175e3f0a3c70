/** A record without some of its fields. */
export function without<T extends object, K extends keyof T>(record: T, ...names: readonly K[]): Omit<T, K> {
  const copy = { ...record }
  for (const name of names) Reflect.deleteProperty(copy, name)
  return copy
}
