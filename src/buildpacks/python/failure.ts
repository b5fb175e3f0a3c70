/** Why a build failed, and what to do about it, by what its last lines say. */
const reasons: readonly (readonly [RegExp, (found: RegExpExecArray) => string])[] = [
  [
    /The lockfile at `?uv\.lock`? needs to be updated/,
    () => 'uv.lock does not match pyproject.toml: run `uv lock`, commit and push again',
  ],
  [
    /pyproject\.toml changed significantly since poetry\.lock was last generated/,
    () => 'poetry.lock does not match pyproject.toml: run `poetry lock`, commit and push again',
  ],
  [
    /Lock file hash doesn't match|Your Pipfile\.lock .*is out of date/i,
    () => 'the lock file does not match what it locks: lock again, commit and push again',
  ],
  [
    /Because ([\w.-]+) was not found in the package registry/,
    ([, name = '']) => `there is no package "${name}" in the registry: see how its name is written`,
  ],
  [/Because there is no version of ([\w.-]+(?:==\S+?)?) and/, ([, name = '']) => `there is no such version: ${name}`],
  [
    /`pyproject\.toml` is using the `\[project\]` table, but the required `project\.name` field is not set/,
    () => 'pyproject.toml: [project] has no name: write `name = "…"` and `version = "0.1.0"` below it',
  ],
  [
    /^error: Couldn't parse requirement in `([^`]+)`/,
    ([, file = '']) => `a line of ${file} is no requirement: see above which; write them as \`flask==3.0\``,
  ],
  [
    /The (?:requested interpreter|current Python version|Python request).*(?:incompatible|does not satisfy|not supported)|is incompatible with the project's Python requirement/,
    () => 'the app asks for another Python: write its version into .python-version, or widen requires-python',
  ],
  [
    /ImproperlyConfigured: (.+)/,
    ([, what = '']) =>
      `Django's settings cannot be read in the build: ${what}\nset what they want by \`berth config:set\`, or leave static files out by \`berth config:set DISABLE_COLLECTSTATIC=1\``,
  ],
  [
    /^(?:KeyError: '?(\w+)'?|decouple\.UndefinedValueError: (\w+) not found.*)$/,
    ([, key, other = '']) =>
      `the build wants the config var ${key ?? other}: \`berth config:set ${key ?? other}=…\`; for Django, \`DISABLE_COLLECTSTATIC=1\` leaves static files out`,
  ],
  [
    /fatal error: ([\w./-]+\.h): No such file|(pg_config) executable not found|(\w+-config): not found/,
    ([, header, pg, tool = '']) =>
      `a package is compiled, and ${header ?? pg ?? tool} is not there: take a version that has a wheel for this Python, or write a Dockerfile that installs it`,
  ],
]

/** Why a Python build failed; null where its last lines do not tell. */
export function pythonReason(lines: readonly string[]): string | null {
  for (const [pattern, words] of reasons)
    for (const line of lines) {
      const found = pattern.exec(line.trim())
      if (found) return words(found)
    }
  return null
}
