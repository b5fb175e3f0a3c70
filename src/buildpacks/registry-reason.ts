/** By which words clients of registries, whatever their language, say that nobody answered them. */
const silence =
  /timed out|time-?out was reached|network timeout|handshake timeout|i\/o timeout|(?:open|read|connect)timeout|etimedout|esockettimedout|operation too slow|execution expired/i
const hosts = [/https?:\/\/(?:[^\s/@]*@)?([\w-]+(?:\.[\w-]+)+)/, /\b(?:connection to|host='?)\s*([\w-]+(?:\.[\w-]+)+)/i]

/** Why a build failed where a registry did not answer in time: which, as far as the lines tell. Null where none did not. */
export function registryReason(lines: readonly string[]): string | null {
  const at = lines.findLastIndex((line) => silence.test(line))
  if (at < 0) return null
  // the address stands before the reason
  const near = lines.slice(Math.max(0, at - 6), at + 1).toReversed()
  const host = near.flatMap((line) => hosts.flatMap((pattern) => pattern.exec(line)?.[1] ?? []))[0]
  return `${host ?? 'a registry'} did not answer in time: ${(lines[at] ?? '').trim().slice(0, 200)}\npush again when it does, or name a mirror of it that does`
}
