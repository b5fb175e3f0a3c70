import { EngineError } from '../errors.js'
import { findStage } from './dockerfile.js'
import type { Job } from './job.js'
import { BuildLog } from './log.js'
import { neededStages } from './plan.js'
import { buildStage, globalArgs } from './stage.js'
import type { StageState } from './state.js'

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
  const base: Job = {
    ...job,
    signal: AbortSignal.any([signal, failed.signal]),
    out: request.out,
    stage: () => undefined,
  }
  const globals = globalArgs(base)
  const needed = neededStages(dockerfile, target, globals)
  const states = new Map<number, Promise<StageState>>()
  const total = needed.reduce((sum, { instructions }) => sum + 1 + instructions.length, 0)
  let numbered = 0

  const begin = async (index: number): Promise<StageState> => {
    const stage = dockerfile.stages[index]
    if (!stage) throw new EngineError('invalid', `there is no stage ${String(index)}`)
    let count = numbered
    numbered += 1 + stage.instructions.length
    const part = log.part()
    const earlier = (name: string): Promise<StageState> | undefined => {
      const found = findStage(dockerfile, name, index)
      return found && build(found.index)
    }
    const out = (text: string): Promise<void> | void => part.write(text)
    const announce = async (text: string): Promise<void> => out(`Step ${String(++count)}/${String(total)} : ${text}\n`)
    try {
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
