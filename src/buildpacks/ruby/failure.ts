const vendored = 'run `bundle cache --all-platforms` (vendor/cache), commit and push again'

/** Why a build failed, and what to do about it, by what its lines say. */
const reasons: readonly (readonly [RegExp, (found: RegExpExecArray, all: string) => string])[] = [
  [/^berth: (.*)$/, ([, words = '']) => `${words}: ${vendored}`],
  [
    /Could not find gem '([\w.-]+)(?: \((.+?)\))?'.*(?:locally installed gems|cached gems|rubygems repository)/,
    ([, name = '', asked = ''], all) => {
      const has = new RegExp(`\\* ${name.replaceAll('.', '\\.')}-(\\d[\\w.]*)`).exec(all)?.[1]
      const wants = asked === '' ? name : `${name} ${asked}`
      return all.includes("the gems are Debian's") && has !== undefined
        ? `the Gemfile asks for ${wants}, the gem server cannot be reached, and Debian has ${name} ${has}: allow that, or ${vendored}`
        : `there is no gem ${wants}: see its name and version in the Gemfile`
    },
  ],
  [
    /Your Ruby version is ([\d.]+), but your Gemfile specified (.+)$/,
    ([, has = '', asked = '']) =>
      `the Gemfile asks for Ruby ${asked}, and there is ${has}: allow it, \`ruby "~> ${has.split('.').slice(0, 2).join('.')}"\``,
  ],
  [
    /Your bundle only supports platforms|does not support your current platform|doesn't include platform/i,
    () =>
      'Gemfile.lock is for other systems alone: run `bundle lock --add-platform x86_64-linux`, commit and push again',
  ],
  [
    /(?:deployment|frozen) mode|dependencies in your gemfile changed|lockfile can't be updated/i,
    () => 'Gemfile.lock does not match the Gemfile: run `bundle install`, commit Gemfile.lock and push again',
  ],
  [
    /Could not reach host ([\w.-]+)|Network error while fetching https?:\/\/([\w.-]+)/,
    ([, one, other = '']) => `${one ?? other} cannot be reached from here: ${vendored}`,
  ],
  [
    /An error occurred while installing ([\w.-]+) \(([\w.]+)\)/,
    ([, name = '', version = '']) =>
      `${name} ${version} cannot be compiled: what it lacks is said above; an Aptfile can name the Debian package of a library`,
  ],
  [/^(\/app\/\S+:\d+:.*(?:syntax error|\(SyntaxError\)).*)$/, ([, words = '']) => words.slice(0, 300)],
  [/^((?:\w+::)*\w*(?:Error|Exception)): (.{1,250})$/, ([, kind = '', words = '']) => `${kind}: ${words}`],
]

/** Why a build of a Ruby app failed; null where its last lines do not tell. */
export function rubyReason(lines: readonly string[]): string | null {
  const all = lines.join('\n')
  for (const [pattern, words] of reasons)
    for (const line of lines) {
      const found = pattern.exec(line.trim())
      if (found) return words(found, all)
    }
  return null
}
