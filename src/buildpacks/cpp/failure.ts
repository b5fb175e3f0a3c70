/** Why a build failed, and what to do about it, by what its last lines say. */
const reasons: readonly (readonly [RegExp, (found: RegExpExecArray) => string])[] = [
  [/^berth: (.+)$/, ([, words = '']) => `${words}\nname it in a Procfile: \`web: ./server\``],
  [
    /^((?:\.\/)?[\w./+-]+:\d+:\d+): fatal error: ([\w./+-]+): No such file/,
    ([, place = '', header = '']) =>
      `${place.replace('/src/', '')}: ${header} is not there: put it into the repository, or take the library by find_package or pkg-config, so that Debian's package of it is installed`,
  ],
  [
    /^((?:\.\/)?[\w./+-]+:\d+:\d+): (?:fatal )?error: (.+)$/,
    ([, place = '', words = '']) => `it does not compile: ${place.replace('/src/', '')}: ${words}`,
  ],
  [
    /Could not find a package configuration file provided by "([^"]+)"|Could NOT find (\w+)/,
    ([, one, other = '']) =>
      `CMake does not find ${one ?? other}: Debian has no package of it that is known here; put it into the repository, or write a Dockerfile that installs it`,
  ],
  [
    /CMake ([\d.]+) or higher is required\.\s+You are running version ([\d.]+)/,
    ([, wanted = '', has = '']) =>
      `CMakeLists.txt asks for CMake ${wanted}, and Debian has ${has}: lower cmake_minimum_required`,
  ],
  [/cannot find -l([\w+-]+)/, ([, library = '']) => `the library ${library} is not there: see how it is written`],
  [/undefined reference to [`'"]([^'"]+)['"]/, ([, name = '']) => `it cannot be linked: nothing defines ${name}`],
  [
    /(?:Could not resolve host|unable to access '[^']+').*/,
    ([words]) => `sources that the build fetches cannot be had: ${words}`,
  ],
  [
    /^make: \*\*\* (No (?:rule to make target|targets specified).*?)\s*(?:Stop\.)?$/,
    ([, words = '']) => `make: ${words}`,
  ],
]

/** Why a build of C or C++ failed; null where its last lines do not tell. */
export function cppReason(lines: readonly string[]): string | null {
  for (const [pattern, words] of reasons)
    for (const line of lines) {
      const found = pattern.exec(line.trim())
      if (found) return words(found)
    }
  return null
}
