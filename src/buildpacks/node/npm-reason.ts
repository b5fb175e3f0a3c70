/** Lines of npm's that tell of an error: `npm error …`, before npm 11 `npm ERR! …`. */
const errorLine = /^npm (?:error|ERR!)(?: (.*))?$/

/** What npm adds to its reason: where to look, how to call it, its log. */
const noise =
  /^(?:code |errno |syscall |path |command |signal |Usage:|Options:|\[?-{1,2}|npm ci$|aliases:|Run "npm help|A complete log|Clean install a project|Log files)/

/**
 * Why npm failed, from what a build wrote: npm's own reason without its usage text, at most three lines; null when it is
 * not npm that failed.
 */
export function npmReason(lines: readonly string[]): string | null {
  const said = lines.flatMap((line) => {
    const found = errorLine.exec(line.trim())
    return found ? [(found[1] ?? '').trim()] : []
  })
  const conflict = conflictIn(said)
  if (conflict !== null) return conflict
  const usage = said.findIndex((line) => line.startsWith('Usage:') || line === 'Clean install a project')
  const reason = (usage < 0 ? said : said.slice(0, usage)).filter((line) => line !== '' && !noise.test(line))
  if (reason.length === 0) return null
  const more = reason.length > 3 ? [`and ${String(reason.length - 3)} lines more, above`] : []
  return [`npm: ${reason[0] ?? ''}`, ...reason.slice(1, 3), ...more].join('\n')
}

/** Packages that do not go together, and the way out: npm draws it as a tree of twenty lines. */
function conflictIn(said: readonly string[]): string | null {
  if (!said.some((line) => /^(?:code )?ERESOLVE\b/.test(line))) return null
  const found = said.find((line) => line.startsWith('Found: '))?.slice('Found: '.length)
  const wanted = said[said.indexOf('Could not resolve dependency:') + 1]
  const other = said.find((line) => line.startsWith('Conflicting peer dependency: '))?.slice(29)
  if (found === undefined || wanted === undefined) return null
  return [
    `npm: ERESOLVE: ${wanted} does not go with ${found}${other === undefined ? '' : `: it wants ${other}`}`,
    'commit a package-lock.json of versions that go together, or write `legacy-peer-deps=true` into .npmrc',
  ].join('\n')
}
