import { EngineError } from '../errors.js'
import type { Arg, From, Instruction } from './instructions.js'
import { cutLines } from './lines.js'
import { nearest } from './nearest.js'
import { parseInstruction } from './parse.js'
import { DockerfileError } from './source.js'

/** What one FROM begins. */
export interface Stage {
  readonly index: number
  readonly from: From
  readonly instructions: readonly Instruction[]
}

/** A Dockerfile as read: nothing in it is expanded yet. */
export interface Dockerfile {
  readonly file: string
  readonly escape: string
  /** ARGs before the first FROM: in scope of the FROMs alone. */
  readonly globals: readonly Arg[]
  readonly stages: readonly Stage[]
}

/** Reads a whole Dockerfile. @throws DockerfileError at the first thing that is wrong */
export function parseDockerfile(file: string, text: string): Dockerfile {
  const { escape, lines } = cutLines(file, text)
  const globals: Arg[] = []
  const stages: (Stage & { instructions: Instruction[] })[] = []
  for (const line of lines) {
    const instruction = parseInstruction(line, escape)
    const stage = stages.at(-1)
    if (instruction.kind === 'FROM') {
      stages.push({ index: stages.length, from: instruction, instructions: [] })
    } else if (stage) stage.instructions.push(instruction)
    else if (instruction.kind === 'ARG') globals.push(instruction)
    else
      throw line.error(0, 'no build stage in current context', 'the first instruction must be FROM (or ARG before it)')
  }
  if (stages.length === 0)
    throw new DockerfileError(file, { line: 1, column: 1 }, 'file with no instructions', 'begin it with FROM')
  return { file, escape, globals, stages }
}

/** Finds a stage by name or number, among those before `limit`. */
export function findStage(dockerfile: Dockerfile, name: string, limit = Infinity): Stage | undefined {
  const wanted = name.toLowerCase()
  return dockerfile.stages.findLast(
    ({ index, from }) => index < limit && (from.name === wanted || (/^\d+$/.test(wanted) && index === Number(wanted))),
  )
}

/** The stage to build: the last, or the target asked for. @throws EngineError `invalid` naming a likely one */
export function targetStage(dockerfile: Dockerfile, target: string): Stage {
  const stage = target === '' ? dockerfile.stages.at(-1) : findStage(dockerfile, target)
  if (stage) return stage
  const meant = nearest(
    target,
    dockerfile.stages.flatMap(({ from }) => from.name ?? []),
  )
  const hint = meant === undefined ? '' : ` (did you mean ${meant}?)`
  throw new EngineError('invalid', `target stage "${target}" could not be found in ${dockerfile.file}${hint}`)
}
