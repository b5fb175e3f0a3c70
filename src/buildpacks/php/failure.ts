const packages =
  'run `composer install --no-dev`, commit vendor/ (git add --force vendor) and push again: what lies there is used as it is'

/** Why a build failed, and what to do about it, by what its last lines say. */
const reasons: readonly (readonly [RegExp, (found: RegExpExecArray) => string])[] = [
  [
    /(?:Could not resolve host:|Failed to connect to) ([\w-]+(?:\.[\w-]+)+)/i,
    ([, host = '']) => `${host} cannot be reached from here, so Composer gets no packages: ${packages}`,
  ],
  [
    /curl error \d+ while downloading https?:\/\/([^\s/]+)/,
    ([, host = '']) => `${host} cannot be reached from here, so Composer gets no packages: ${packages}`,
  ],
  [
    /requires (?:PHP extension )?ext-([\w-]+) \S+ (?:->|but) it is (?:missing|not)/i,
    ([, name = '']) => `a package needs the PHP extension ${name}: composer require ext-${name}, commit and push again`,
  ],
  [
    /Could not find a matching version of package ([\w./-]+)|Root composer\.json requires ([\w./-]+),? .*(?:could not be found|found no)/i,
    ([, one, other = '']) =>
      `there is no package ${one ?? other} as it is asked for: see its name and version in composer.json`,
  ],
  [
    /The "https?:\/\/([^/"]+)[^"]*" file could not be downloaded \(HTTP\/\S+ 404/,
    ([, host = '']) =>
      `${host} does not have what composer.lock names: run \`composer update\`, commit composer.lock and push again`,
  ],
  [
    /Could not authenticate against ([\w.-]+)|requires authentication.*?\b([\w-]+(?:\.[\w-]+)+)/i,
    ([, one, other = '']) => `${one ?? other} asks who you are: berth config:set COMPOSER_AUTH='{"http-basic": …}'`,
  ],
  [
    /Script (.{1,200}?) (?:handling the \S+ event )?returned with error code (\d+)/,
    ([, script = '', code = '']) => `the script of composer.json ended with ${code}: ${script}`,
  ],
  [/^(?:PHP )?(?:Parse|Fatal) error: +(.{1,300})$/, ([, words = '']) => words],
  [
    /lock file is not up to date|lock file does not contain a compatible set|is not present in the lock file/i,
    () => 'composer.lock does not match composer.json: run `composer update --lock`, commit and push again',
  ],
]

/** Why a build of a PHP app failed; null where its last lines do not tell. */
export function phpReason(lines: readonly string[]): string | null {
  for (const [pattern, words] of reasons)
    for (const line of lines) {
      const found = pattern.exec(line.trim())
      if (found) return words(found)
    }
  return null
}
