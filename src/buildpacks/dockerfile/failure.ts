import { aptReason } from '../apt/failure.js'
import type { FailedBuild } from '../buildpack.js'
import { cppReason } from '../cpp/failure.js'
import { dotnetReason } from '../dotnet/failure.js'
import { elixirReason } from '../elixir/failure.js'
import { goReason } from '../go/failure.js'
import { javaReason } from '../java/failure.js'
import { failureReason } from '../node/failure-reason.js'
import { phpReason } from '../php/failure.js'
import { pythonReason } from '../python/failure.js'
import { rubyReason } from '../ruby/failure.js'
import { rustReason } from '../rust/failure.js'
import { lastStep, placeOf } from './place.js'

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

/** Who reads what a step has written, by the program that the step runs. */
const readers: readonly (readonly [RegExp, (lines: readonly string[]) => string | null])[] = [
  [/\bapt(?:-get)?\s/, aptReason],
  [/\b(?:npm|npx|yarn|pnpm|node)\s/, failureReason],
  [/\b(?:mvnw?|gradlew?|sbt)\s/, javaReason],
  [/\b(?:pip3?|uv|poetry|pipenv|pdm|python3?)\s/, pythonReason],
  [/\bgo\s+\w/, goReason],
  [/\bcargo\s/, rustReason],
  [/\b(?:bundle|gem|rails|rake)\s/, rubyReason],
  [/\b(?:composer|php)\s/, phpReason],
  [/\bmix\s/, elixirReason],
  [/\bdotnet\s/, dotnetReason],
  [/\b(?:c?make|ninja|meson|gcc|g\+\+)\s/, cppReason],
]
/** A buildpack's own ways to choose: here the Dockerfile says it all. */
const ofBuildpacks = /system\.properties|Procfile|Aptfile|config:set|\.(?:python|ruby|node)-version|runtime\.txt/

/** What the program that failed says itself. */
function ownReason(lines: readonly string[]): string | null {
  const step = lastStep(lines) ?? ''
  const written = lines.slice(lines.findLastIndex((line) => line.startsWith('Step ')) + 1)
  for (const [program, read] of readers) {
    const reason = program.test(`${step} `) ? read(written) : null
    if (reason !== null && !ofBuildpacks.test(reason)) return reason
  }
  return null
}

/** Null where there is nothing to add to what the builder says. */
export function failureOf(lines: readonly string[], failed: FailedBuild): string | null {
  // what the builder has placed itself is in its words
  const place = /^\S+:\d+:\d+: /.test(failed.error) ? null : placeOf(lines, failed)
  for (const [pattern, words] of reasons) {
    const found = pattern.exec(failed.error)
    if (found) return `${place === null ? '' : `${place}: `}${words(found)}`
  }
  return place === null ? null : `${place}: ${ownReason(lines) ?? 'this step failed'}`
}
