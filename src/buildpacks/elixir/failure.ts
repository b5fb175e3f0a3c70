/** Why a build failed, and what to do about it, by what its last lines say. */
const reasons: readonly (readonly [RegExp, (found: RegExpExecArray) => string])[] = [
  [
    /Could not (?:install|find) Hex|httpc request failed|failed to fetch (?:registry|record)|nxdomain/i,
    () => 'the Hex package server cannot be reached: commit the dependencies (`git add -f deps`) to build without it',
  ],
  [
    /Your mix\.lock is out of date|the lock is outdated|lock mismatch/i,
    () => 'mix.lock does not match mix.exs: run `mix deps.get`, commit mix.lock and push again',
  ],
  [
    /No package with name (\w+)/,
    ([, name = '']) => `there is no Hex package ${name}: see how its name is written in mix.exs`,
  ],
  [
    /You're trying to run :(\w+) on Elixir v([\d.]+) but it has declared in its mix\.exs file it supports only Elixir (.+)/,
    ([, app = '', has = '', wanted = '']) => `${app} wants Elixir ${wanted}, and it is built with ${has}`,
  ],
  [
    /environment variable (\w+) is missing|could not fetch environment variable "(\w+)"/,
    ([, one, other = '']) =>
      `the build wants the config var ${one ?? other}: \`berth config:set ${one ?? other}=…\`; what is read when the app starts belongs into config/runtime.exs`,
  ],
  [
    /^\*\* \((?:CompileError|SyntaxError|TokenMissingError|MismatchedDelimiterError)\) (.+)$/,
    ([, words = '']) => `it does not compile: ${words}`,
  ],
]

/** Why an Elixir build failed; null where its last lines do not tell. */
export function elixirReason(lines: readonly string[]): string | null {
  for (const [pattern, words] of reasons)
    for (const line of lines) {
      const found = pattern.exec(line.trim())
      if (found) return words(found)
    }
  return newError(lines)
}

/** As later Elixirs tell of one: `error: undefined variable "x"`, some lines, `└─ lib/shop.ex:3:5: Shop.run/0`. */
function newError(lines: readonly string[]): string | null {
  const at = lines.findIndex((line) => /^error: /.test(line.trim()))
  if (at < 0) return null
  const place = lines
    .slice(at)
    .flatMap((line) => /^\s*(?:└─\s+)?((?:lib|apps|config)\/[\w./-]+:\d+(?::\d+)?)/.exec(line)?.[1] ?? [])[0]
  return place === undefined
    ? null
    : `it does not compile: ${place}: ${(lines[at] ?? '').trim().slice('error: '.length)}`
}
