/** By which words clients of registries, whatever their language, say that nobody answered them. */
const silence =
  /timed out|time-?out was reached|network timeout|handshake timeout|i\/o timeout|(?:open|read|connect)timeout|etimedout|esockettimedout|operation too slow|execution expired/i
const hosts = [/https?:\/\/(?:[^\s/@]*@)?([\w-]+(?:\.[\w-]+)+)/, /\b(?:connection to|host='?)\s*([\w-]+(?:\.[\w-]+)+)/i]

/** By which they say that DNS knows no such host. */
const nowhere =
  /getaddrinfo (?:ENOTFOUND|EAI_AGAIN)|could not resolve host|no such host|name or service not known|failure in name resolution|dns error|unknownhostexception/i
const named = /(?:ENOTFOUND|EAI_AGAIN|resolve host:?|UnknownHostException:?|lookup)\s+([\w-]+(?:\.[\w-]+)+)/i

/** Why a build failed where a registry could not be asked: which, as far as the lines tell. Null where none was silent. */
export function registryReason(lines: readonly string[]): string | null {
  return (
    reasonBy(lines, silence, 'did not answer in time', 'push again when it does, or name a mirror of it that does') ??
    reasonBy(
      lines,
      nowhere,
      'is not known to DNS here',
      'is the name right? What this server reaches through a proxy, builds do, too',
    )
  )
}

function reasonBy(lines: readonly string[], pattern: RegExp, what: string, hint: string): string | null {
  const at = lines.findLastIndex((line) => pattern.test(line))
  if (at < 0) return null
  // the address stands before the reason
  const near = lines.slice(Math.max(0, at - 6), at + 1).toReversed()
  const host = near.flatMap((line) => [named, ...hosts].flatMap((one) => one.exec(line)?.[1] ?? []))[0]
  return `${host ?? 'a registry'} ${what}: ${(lines[at] ?? '').trim().slice(0, 200)}\n${hint}`
}
