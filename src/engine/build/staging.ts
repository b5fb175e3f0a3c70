import { EngineError } from '../errors.js'
import { findStage, type Stage } from './dockerfile.js'
import type { Job } from './job.js'
import { BuildLog } from './log.js'
import { neededStages } from './plan.js'
import { buildStage, globalArgs } from './stage.js'
import type { StageState } from './state.js'

/** Counts the steps of stages, each stage's in a row from where it is begun. @returns what tells a step's `3/12` */
function numbering(stages: readonly Stage[]): (stage: Stage) => () => string {
  const steps = ({ instructions }: Stage): number => 1 + instructions.length
  const total = stages.reduce((sum, stage) => sum + steps(stage), 0)
  let numbered = 0
  return (stage) => {
    let count = numbered
    numbered += steps(stage)
    return () => `${String(++count)}/${String(total)}`
  }
}

/**
 * Builds a stage and all it stands on, those that do not need each other side by side. The first failure ends the others;
 * when this settles, none is under way any more.
 */
export async function buildStages(
  job: Omit<Job, 'stage' | 'out' | 'signal'>,
  target: number,
  signal: AbortSignal,
): Promise<StageState> {
  const { dockerfile, request } = job
  const failed = new AbortController()
  const log = new BuildLog(request.out)
  const ended = AbortSignal.any([signal, failed.signal])
  const base: Job = { ...job, signal: ended, out: request.out, stage: () => undefined }
  const globals = globalArgs(base)
  const needed = neededStages(dockerfile, target, globals)
  const states = new Map<number, Promise<StageState>>()
  const number = numbering(needed)

  const begin = async (index: number): Promise<StageState> => {
    const stage = dockerfile.stages[index]
    if (!stage) throw new EngineError('invalid', `there is no stage ${String(index)}`)
    const announced = number(stage)
    const part = log.part()
    const earlier = (name: string): Promise<StageState> | undefined => {
      const found = findStage(dockerfile, name, index)
      return found && build(found.index)
    }
    const out = (text: string): Promise<void> | void => part.write(text)
    try {
      const announce = async (text: string): Promise<void> => out(`Step ${announced()} : ${text}\n`)
      const state = await buildStage({ ...base, stage: earlier, out }, stage, globals, announce)
      await log.close(part)
      return state
    } catch (error) {
      // what the failing stage said is shown; the others stop in the middle of a word
      if (!failed.signal.aborted) await part.show()
      failed.abort(error)
      throw error
    }
  }
  const build = (index: number): Promise<StageState> => {
    const state = states.get(index) ?? begin(index)
    states.set(index, state)
    return state
  }
  const all = await Promise.allSettled(needed.map(({ index }) => build(index)))
  await Promise.allSettled(states.values())
  if (failed.signal.aborted) throw failed.signal.reason
  const last = all.at(-1)
  if (last?.status !== 'fulfilled') throw new EngineError('broken', 'the build has no last stage')
  return last.value
}
