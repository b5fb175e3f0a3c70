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
  const usage = said.findIndex((line) => line.startsWith('Usage:') || line === 'Clean install a project')
  const reason = (usage < 0 ? said : said.slice(0, usage)).filter((line) => line !== '' && !noise.test(line))
  if (reason.length === 0) return null
  const more = reason.length > 3 ? [`and ${String(reason.length - 3)} lines more, above`] : []
  return [`npm: ${reason[0] ?? ''}`, ...reason.slice(1, 3), ...more].join('\n')
}
