import type { FailedBuild } from '../buildpack.js'

/** Why the build of an app's own Dockerfile failed, and what to do about it, by the builder's words. */
const reasons: readonly (readonly [RegExp, (found: RegExpExecArray) => string])[] = [
  [
    /secret ([\w.-]+): not found/,
    ([, id = '']) => `the secret ${id} is a config var that is not set: berth config:set ${id}=…, then push again`,
  ],
]

/** Null where there is nothing to add to what the builder says. */
export function failureOf(_lines: readonly string[], { error }: FailedBuild): string | null {
  for (const [pattern, words] of reasons) {
    const found = pattern.exec(error)
    if (found) return words(found)
  }
  return null
}
