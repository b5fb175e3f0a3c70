import { EngineError, messageOf } from '../errors.js'
import { isOwnPlatform, readPlatform, showPlatform } from '../oci/manifest.js'
import { copyStep, workdirStep } from './copy.js'
import type { Stage } from './dockerfile.js'
import { cutLines } from './lines.js'
import type { Arg, Instruction } from './instructions.js'
import type { Job } from './job.js'
import { parseInstruction } from './parse.js'
import { runStep } from './run.js'
import { platformArgs, Scope } from './scope.js'
import { configure } from './settings.js'
import { emptyState, type StageState, stateOf, variablesOf, withPath } from './state.js'
import type { Variables } from './expand.js'

/** Announces a step before it is carried out. */
export type Announce = (text: string) => Promise<void>

/** Values of the ARGs before the first FROM. @throws DockerfileError */
export function globalArgs(job: Job): Variables {
  let values: Variables = platformArgs
  for (const instruction of job.dockerfile.globals)
    values = new Map([...values, ...argValues(job, instruction, values, new Map())])
  return values
}

/** Builds one stage to its end. @throws EngineError, DockerfileError among them */
export async function buildStage(job: Job, stage: Stage, globals: Variables, announce: Announce): Promise<StageState> {
  await announce(stage.from.line.text)
  let state = await begin(job, stage, globals)
  const triggers = state.config.OnBuild ?? []
  if (triggers.length > 0) {
    state = { ...state, config: { ...state.config, OnBuild: [] } }
    await job.out(`# Executing ${String(triggers.length)} build trigger${triggers.length > 1 ? 's' : ''}\n`)
    for (const instruction of readTriggers(triggers)) state = await step(job, instruction, state, globals)
  }
  await tellLayer(job, state)
  for (const instruction of stage.instructions) {
    job.signal.throwIfAborted()
    await announce(instruction.line.text)
    state = await step(job, instruction, state, globals)
    await tellLayer(job, state)
  }
  return state
}

function readTriggers(triggers: readonly string[]): Instruction[] {
  const { lines, escape } = cutLines('ONBUILD', `${triggers.join('\n')}\n`)
  return lines.map((line) => parseInstruction(line, escape))
}

/** @throws DockerfileError for what is no platform, and for one that is not this machine's */
function checkPlatform(text: string, { line, platform }: Stage['from']): void {
  const fail = (what: string, why: string): Error => line.error(platform?.offset ?? 0, what, why)
  let wanted
  try {
    wanted = readPlatform(text)
  } catch (error) {
    throw fail(`failed to parse platform ${text}`, messageOf(error))
  }
  if (!isOwnPlatform(wanted))
    throw fail(`cannot build for ${text}`, `this engine runs ${showPlatform(readPlatform(''))}`)
}

async function begin(job: Job, { from }: Stage, globals: Variables): Promise<StageState> {
  const scope = new Scope(from.line, globals, job.dockerfile.escape)
  const platform = from.platform && scope.word(from.platform)
  if (platform !== undefined) checkPlatform(platform, from)
  const name = scope.word(from.image)
  if (name === '')
    throw from.line.error(
      from.image.offset,
      `base name (${from.image.text}) should not be blank`,
      'give the ARG a default',
    )
  if (name === 'scratch') return withPath(emptyState)
  const earlier = job.stage(name)
  if (earlier) return { ...(await earlier), ownCmd: false }
  try {
    const image = await job.image(name)
    return withPath({ ...stateOf(image), config: { ...image.config } })
  } catch (error) {
    if (error instanceof EngineError && (error.fault === 'missing' || error.fault === 'invalid'))
      throw from.line.error(from.image.offset, error.message)
    throw error
  }
}

async function step(job: Job, instruction: Instruction, state: StageState, globals: Variables): Promise<StageState> {
  switch (instruction.kind) {
    case 'RUN':
      return runStep(job, instruction, state)
    case 'COPY':
    case 'ADD':
      return copyStep(job, instruction, state)
    case 'WORKDIR':
      return workdirStep(job, instruction, state)
    case 'ARG': {
      const args = new Map([...state.args, ...argValues(job, instruction, variablesOf(state), globals)])
      return { ...state, args, history: [...state.history, { created_by: instruction.line.text, empty_layer: true }] }
    }
    default:
      return configure(instruction, state, job.dockerfile.escape)
  }
}

/** `--build-arg` over the ARG's own default over the value it had before the first FROM. */
function argValues(job: Job, { line, args }: Arg, variables: Variables, globals: Variables): [string, string][] {
  const seen = new Map(variables)
  return args.flatMap(({ name, value }): [string, string][] => {
    const scope = new Scope(line, seen, job.dockerfile.escape)
    const given = job.request.buildArgs.get(name)
    const result = given ?? (value ? scope.word(value) : globals.get(name))
    if (result === undefined) return []
    seen.set(name, result)
    return [[name, result]]
  })
}

const tellLayer = async (job: Job, { layers }: StageState): Promise<void> => {
  await job.out(` ---> ${(layers.at(-1) ?? 'sha256:scratch').slice('sha256:'.length, 'sha256:'.length + 12)}\n`)
}
