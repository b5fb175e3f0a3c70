/** Lines by which apt-get says that it cannot have a package. */
const reasons: readonly (readonly [RegExp, (name: string) => string])[] = [
  [/^E: Unable to locate package (\S+)/, (name) => `Debian has no package ${name}`],
  [
    /^E: Version '[^']*' for '([^']+)' was not found/,
    (name) => `Debian has ${name}, but not in the version that is asked for`,
  ],
  [
    /^E: Package '([^']+)' has no installation candidate/,
    (name) => `Debian has no package ${name} that can be installed`,
  ],
  [/^E: Couldn't find any package by (?:glob|regex) '([^']+)'/, (name) => `Debian has no package ${name}`],
]

/** Why apt-get failed, by the last lines of a build; null where they do not tell. */
export function aptReason(lines: readonly string[]): string | null {
  for (const line of lines)
    for (const [pattern, words] of reasons) {
      const name = pattern.exec(line.trim())?.[1]
      if (name !== undefined)
        return `${words(name)}: correct the Aptfile (packages.debian.org has the names of bookworm)`
    }
  return null
}
