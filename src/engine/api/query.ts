/**
 * A yes or no of a query string, as dockerd reads it: everything but `0`, `no`, `false` and `none`, in any case, is yes.
 * @param absent what it is when the client says nothing
 */
export function flag(query: URLSearchParams, name: string, absent = false): boolean {
  const text = query.get(name)
  return text === null ? absent : !['', '0', 'no', 'false', 'none'].includes(text.trim().toLowerCase())
}
