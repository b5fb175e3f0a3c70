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
const so = 300

/** What the tool that built says is wrong, from what a build wrote; null when it is none that is known. */
export function buildReason(lines: readonly string[]): string | null {
  const plain = lines.map((line) => stripVTControlCharacters(line).trim())
  for (const [at, line] of plain.entries()) {
    const direct = told.map((pattern) => pattern.exec(line)?.[1]).find((one) => one !== undefined)
    if (direct !== undefined) return direct.slice(0, so)
    if (!announced.test(line)) continue
    const [first, second] = plain.slice(at + 1, at + 8).filter((one) => one !== '' && !noise.test(one))
    if (first === undefined) continue
    // a file alone is where, not what
    const whole = /^[\w./@[\]()-]+(?::\d+:\d+)?$/.test(first) && second !== undefined ? `${first}: ${second}` : first
    return (line.startsWith('ERROR in ') ? `${line.slice(9)}: ${whole}` : whole).slice(0, so)
  }
  return null
}
