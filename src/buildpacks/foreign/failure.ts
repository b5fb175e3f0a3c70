/** Why a buildpack of Heroku's kind failed: what it says after its `!`, else which of its programs ended how. */
export function foreignReason(lines: readonly string[]): string | null {
  const own = lines.map((line) => /^buildpack (\S+: .+)$/.exec(line.trim())?.[1]).findLast((line) => line !== undefined)
  if (own === undefined) return null
  const said = lines.flatMap((line) => /^\s*!\s+(\S.*)$/.exec(line)?.[1] ?? []).slice(-3)
  return [...said, own].join('\n')
}
