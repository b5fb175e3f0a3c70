/** Why a build failed, and what to do about it, by what its last lines say. */
const reasons: readonly (readonly [RegExp, (found: RegExpExecArray) => string])[] = [
  [
    /error NU1004: (.+)/,
    () =>
      'packages.lock.json does not match the project: run `dotnet restore --force-evaluate`, commit it and push again',
  ],
  [/error NU110[123]: (.+?)(?: \[.*)?$/, ([, words = '']) => `a package cannot be had: ${words}`],
  [/error NU1301: (.+?)(?: \[.*)?$/, ([, words = '']) => `the package source cannot be reached: ${words}`],
  [
    /error NETSDK1045: (.+?)(?: \[.*)?$|A compatible \.NET SDK was not found/,
    ([, words]) =>
      words ??
      'global.json asks for an SDK that the image does not have: let it roll forward ("rollForward": "latestFeature")',
  ],
  [
    /^(?:\/src\/)?(.+?)\((\d+),(\d+)\): error (\w+): (.+?)(?: \[.*)?$/,
    ([, file = '', line = '', column = '', code = '', words = '']) =>
      `it does not compile: ${file}:${line}:${column}: ${code}: ${words}`,
  ],
]

/** Why a .NET build failed; null where its last lines do not tell. */
export function dotnetReason(lines: readonly string[]): string | null {
  for (const [pattern, words] of reasons)
    for (const line of lines) {
      const found = pattern.exec(line.trim())
      if (found) return words(found)
    }
  return null
}
