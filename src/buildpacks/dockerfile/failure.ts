import type { FailedBuild } from '../buildpack.js'
import { placeOf } from './place.js'

/** Why the build of an app's own Dockerfile failed, and what to do about it, by the builder's words. */
const reasons: readonly (readonly [RegExp, (found: RegExpExecArray) => string])[] = [
  [
    /secret ([\w.-]+): not found/,
    ([, id = '']) => `the secret ${id} is a config var that is not set: berth config:set ${id}=…, then push again`,
  ],
  [
    /exec: "\/bin\/(?:ba)?sh": stat \/bin\/(?:ba)?sh: no such file/,
    () =>
      'the image of this stage has no shell: run the program itself, `RUN ["/app", "--setup"]`, or do this in a stage that has one and COPY --from it',
  ],
  [
    /returned a non-zero code: 127$/,
    () => 'a command of this line is not in the image: install it, or see the line above for its name',
  ],
]

/** Null where there is nothing to add to what the builder says. */
export function failureOf(lines: readonly string[], failed: FailedBuild): string | null {
  // what the builder has placed itself is in its words
  const place = /^\S+:\d+:\d+: /.test(failed.error) ? null : placeOf(lines, failed)
  for (const [pattern, words] of reasons) {
    const found = pattern.exec(failed.error)
    if (found) return `${place === null ? '' : `${place}: `}${words(found)}`
  }
  return place === null ? null : `${place}: this step failed`
}
