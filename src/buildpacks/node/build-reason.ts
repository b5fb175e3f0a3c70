import { stripVTControlCharacters } from 'node:util'

/** Lines by which compilers and bundlers say what is wrong and where. */
const told: readonly RegExp[] = [
  // TypeScript, as it writes to a file and to a terminal
  /^(\S+\(\d+,\d+\): error TS\d+: .+)$/,
  /^(\S+:\d+:\d+ - error TS\d+: .+)$/,
  // esbuild, and Angular by it
  /^[✘X] (\[ERROR\] .+)$/,
]
/** Lines after which a bundler or a framework says it. */
const announced =
  /^(?:error during build:|Failed to compile\.|> Build error occurred|ERROR in .+|\[error\] .* build failed)$/
/** Where in a program an error came up, and lines that draw. */
const noise = /^(?:at |[─│╭╰┌└>|^~-]|\d+ [|│])/
/** How many there are. */
const counted = /^Error: Turbopack build failed with \d+ errors?:$/
const goesOn = /^(?:[\w./@[\]()-]+(?::\d+:\d+)?|.*:)$/
const so = 300

/** What the tool that built says is wrong, from what a build wrote; null when it is none that is known. */
export function buildReason(lines: readonly string[]): string | null {
  const plain = lines.map((line) => stripVTControlCharacters(line).trim())
  for (const [at, line] of plain.entries()) {
    const direct = told.map((pattern) => pattern.exec(line)?.[1]).find((one) => one !== undefined)
    if (direct !== undefined) return direct.slice(0, so)
    if (!announced.test(line)) continue
    const next = plain.slice(at + 1, at + 8).filter((one) => one !== '' && !noise.test(one))
    const whole = wholeReason(next)
    if (whole === undefined) continue
    return (line.startsWith('ERROR in ') ? `${line.slice(9)}: ${whole}` : whole).slice(0, so)
  }
  return null
}

/** Up to the first line that says what is wrong: a file alone is where, and what ends with a colon goes on. */
function wholeReason(lines: readonly string[]): string | undefined {
  const said = lines.filter((line) => !counted.test(line))
  const end = said.findIndex((line) => !goesOn.test(line))
  const parts = end < 0 ? said.slice(0, 1) : said.slice(0, end + 1)
  return parts.length === 0 ? undefined : parts.map((part) => part.replace(/:$/, '')).join(': ')
}
