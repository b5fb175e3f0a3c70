import type { Dockerfile, Stage } from './dockerfile.js'
import { findStage } from './dockerfile.js'
import { expandWord, type Variables } from './expand.js'
import type { Word } from './words.js'

/**
 * A stage and those it stands on, in order, as far as can be told before building: names with variables of the FROMs'
 * scope are, others are built when met.
 */
export function neededStages(dockerfile: Dockerfile, target: number, globals: Variables): Stage[] {
  const needed = new Set<number>()
  const nameOf = ({ text }: Word): string => {
    try {
      return expandWord(text, globals, dockerfile.escape)
    } catch {
      return text // told with its place when the stage begins
    }
  }
  const visit = (index: number): void => {
    const stage = dockerfile.stages[index]
    if (!stage || needed.has(index)) return
    needed.add(index)
    const names = stage.instructions.flatMap((instruction) => {
      if (instruction.kind === 'COPY' && instruction.from) return [instruction.from.text]
      return instruction.kind === 'RUN' ? instruction.mounts.flatMap(({ from }) => from ?? []) : []
    })
    for (const name of [nameOf(stage.from.image), ...names]) {
      const other = findStage(dockerfile, name, index)
      if (other) visit(other.index)
    }
  }
  visit(target)
  return dockerfile.stages.filter(({ index }) => needed.has(index))
}
