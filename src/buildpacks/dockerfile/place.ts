import type { FailedBuild } from '../buildpack.js'
import { instructionsOf } from './outline.js'

/** The instruction that a build had come to, by the lines that it wrote. */
export const lastStep = (lines: readonly string[]): string | null =>
  lines.flatMap((line) => /^Step \d+\/\d+ : ([^]+)$/.exec(line)?.[1] ?? []).at(-1) ?? null

const plain = (text: string): string => text.replace(/\s+/g, ' ').trim().slice(0, 200)

/** Where in a Dockerfile of the app's own a build failed, `Dockerfile:7`; null where that is not known. */
export function placeOf(lines: readonly string[], { image }: FailedBuild): string | null {
  const step = lastStep(lines)
  if (step === null || image.ownDockerfile === false) return null
  for (const { line, keyword, rest } of instructionsOf(image.dockerfile))
    if (plain(`${keyword} ${rest}`) === plain(step.replace(/^\S+/, keyword)))
      return `${image.context === undefined ? '' : `${image.context}/`}${image.ownDockerfile}:${line}:1`
  return null
}
