import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { EngineError } from '../errors.js'
import type { LayerDraft as LayerStage } from '../images/layers.js'
import type { ImageConfig, Mount, StepEnd, StepNetwork, StepSecret, ResourceLimits } from '../records.js'
import { buildEnvironment, laidFilesOf } from './environment.js'
import { cacheKey } from './cache.js'
import type { RunInstruction } from './instructions.js'
import { type Job, layerOf } from './job.js'
import { Redactor } from './redactor.js'
import { prepareMounts, readMounts, secretsOf, type WantedMount } from './run-mounts.js'
import { predefinedArgs, Scope } from './scope.js'
import { argsOf } from './settings.js'
import { defaultPath, environment, layered, type StageState, variablesOf } from './state.js'

/** What the runtime itself mounts; on an image that lacks the place, the place must not stay in the layer. */
const runtimeTargets = ['/dev', '/proc', '/sys', '/etc/resolv.conf', '/etc/hosts', '/etc/hostname']

/** RUN. @throws EngineError `invalid` "The command … returned a non-zero code: n" */
export async function runStep(job: Job, instruction: RunInstruction, state: StageState): Promise<StageState> {
  const { line } = instruction
  if (state.layers.length === 0) throw line.error(0, 'RUN has no root file system', 'FROM scratch holds nothing to run')
  const scope = new Scope(line, variablesOf(state), job.dockerfile.escape)
  const script = scriptOf(instruction, state.config)
  const { args } = script
  const mounts = await readMounts(job, instruction, state, scope)
  const network = instruction.network === 'default' ? job.request.room.network : instruction.network
  if (network === 'host' && job.request.room.network !== 'host')
    throw line.error(0, 'network.host is not allowed', 'the client must build with --network=host')
  const secrets = secretsOf(job, instruction, mounts)
  const variables = seenBy(job, state)
  const declared = [...state.args].filter(([name]) => !environment(state.config).has(name))
  const key = keyOf(job, state, { script, mounts, network, declared, variables: [...variables] })
  const record = await layerOf(job, key, line.text, async (stage) => {
    await job.out(` ---> Running in ${stage.id.slice(0, 12)}\n`)
    const env = await environmentOf(job, state, secrets, variables)
    const run = { args, script: script.file, env, network, mounts, secrets }
    using slot = await job.semaphore.take(job.signal)
    const { exitCode, oomKilled, peak } = await execute(job, instruction, state, stage, run)
    slot[Symbol.dispose]()
    const memory = oomKilled ? memoryWords(job, peak) : ''
    if (exitCode !== 0) throw new StepFailure(args, exitCode, memory)
    if (oomKilled) await job.out(` ---> A process of this step was ended: ${memory}\n`)
    await job.out(` ---> Removed intermediate container ${stage.id.slice(0, 12)}\n`)
  })
  const told = declared.map(([name, value]) => `${name}=${job.request.hidden.has(name) ? '***' : value}`)
  const shown = told.length > 0 ? `|${String(told.length)} ${told.join(' ')} ` : ''
  return layered(state, `RUN ${shown}${args.join(' ')}`, record, key)
}

interface KeyParts {
  readonly script: ReturnType<typeof scriptOf>
  readonly mounts: readonly WantedMount[]
  readonly network: StepNetwork
  /** ARGs that no ENV stands before, and what the build was given: only what counts for the key is in it. */
  readonly declared: readonly [string, unknown][]
  readonly variables: readonly [string, unknown][]
}

function keyOf(job: Job, state: StageState, { script, mounts, network, declared, variables }: KeyParts): string {
  const { Env = [], WorkingDir = '/', User = '' } = state.config
  const keyed = (all: readonly [string, unknown][]) => all.filter(([name]) => !job.request.unkeyed.has(name))
  const given = keyed(variables).sort()
  return cacheKey(
    ...['RUN', state.layers, script.args, script.file ?? null, Env, keyed(declared), WorkingDir, User, mounts, network],
    ...(given.length > 0 ? [given] : []),
  )
}

/** A step that comes before the app's code is not repeated for a variable that it has no use for. */
function seenBy({ request: { variables, early, unkeyed } }: Job, { whole }: StageState): Job['request']['variables'] {
  if (whole) return variables
  const sees = (name: string): boolean =>
    early.some((one) => (one.endsWith('*') ? name.startsWith(one.slice(0, -1)) : name === one)) || unkeyed.has(name)
  return new Map([...variables].filter(([name]) => sees(name)))
}

/** A RUN that ended with something other than 0. */
export class StepFailure extends EngineError {
  readonly exitCode: number
  /** @param why '' when nothing more is known */
  constructor(args: readonly string[], exitCode: number, why: string) {
    const more = why === '' ? '' : `: ${why}`
    // the whole of a script would bury what it said
    const command = args.join(' ').replace(/\n[\s\S]+/, ' …')
    super('invalid', `The command '${command}' returned a non-zero code: ${String(exitCode)}${more}`)
    this.exitCode = exitCode
  }
}

/** What the limit is, and whose word it is. */
function memoryWords({ request: { room, sandbox } }: Job, peak: number): string {
  const asked = room.limits?.memory ?? Infinity
  const [least, by] = asked < sandbox.memory ? [asked, 'asked for'] : [sandbox.memory, 'BERTH_BUILD_MEMORY']
  const inMebibytes = (bytes: number): string => `${String(Math.floor(bytes / 2 ** 20))} MiB`
  const had = peak === 0 ? '' : ` when it had ${inMebibytes(peak)}`
  return `it ran out of memory${had}${least === Infinity ? '' : `: a build may take ${inMebibytes(least)} (${by})`}`
}

/** Version 1 of control groups refuses a group more processors than the one above has; what is asked for beyond that says nothing. */
function limitsWithin(limits: ResourceLimits = {}, cpus: number): ResourceLimits {
  const { cpuQuota, cpuPeriod = 100_000, ...rest } = limits
  return cpuQuota === undefined || cpuQuota / cpuPeriod <= cpus ? limits : rest
}

interface Execution {
  readonly args: readonly string[]
  /** A heredoc that begins with #!: its text, to be run as a program. */
  readonly script: string | undefined
  readonly env: readonly string[]
  readonly network: StepNetwork
  readonly mounts: readonly WantedMount[]
  readonly secrets: readonly StepSecret[]
}

const scriptPath = '/dev/berth/script'

/** Writes a script into a directory, for a step to find at `scriptPath`. */
async function scriptMount(script: string, directory: string): Promise<Mount> {
  await mkdir(directory, { recursive: true })
  const path = join(directory, 'script')
  await writeFile(path, script)
  await chmod(path, 0o755)
  return { type: 'bind', source: path, target: scriptPath, options: ['bind', 'ro'] }
}

async function execute(
  job: Job,
  instruction: RunInstruction,
  state: StageState,
  stage: LayerStage,
  { args, script, env, network, mounts: wanted, secrets }: Execution,
): Promise<StepEnd> {
  await using scratch = await job.store.layers.draft()
  await using prepared = await prepareMounts(job, instruction, wanted, scratch)
  const around = await buildEnvironment(job.config, laidFilesOf(job.config))
  const mounts: Mount[] = [...around.mounts, ...prepared.mounts]
  if (script !== undefined) mounts.push(await scriptMount(script, scratch.work))
  const lowerDirs = job.directories(state.layers)
  const paths = placesOf([...around.mounts, ...prepared.mounts], secrets)
  const made = await job.store.pool.run('missing', { layers: lowerDirs, paths })
  const output = outputOf(job, secrets)
  const result = await job.steps.run({
    id: stage.id,
    lowerDirs,
    upperDir: stage.upper,
    workDir: stage.work,
    args,
    env,
    cwd: state.config.WorkingDir ?? '/',
    user: state.config.User ?? '',
    mounts,
    secrets,
    ...job.request.room,
    limits: limitsWithin(job.request.room.limits, job.request.sandbox.cpus),
    group: job.request.sandbox.group,
    network,
    signal: job.signal,
    onOutput: output.pass,
  })
  await output.end()
  if (made.length > 0) await job.store.pool.run('scrub', { upper: stage.upper, paths: made })
  return result
}

/** Where something is while a command runs that is not of the layer. */
const placesOf = (mounts: readonly Mount[], secrets: readonly StepSecret[]): string[] => [
  ...runtimeTargets,
  ...mounts.map(({ target }) => target),
  ...secrets.flatMap((secret) => (secret.kind === 'env' ? [] : [secret.target])),
]

/** Has what a command says told, without secrets. */
function outputOf(job: Job, secrets: readonly StepSecret[]) {
  const voices = { stdout: voiceOf(secrets), stderr: voiceOf(secrets) }
  const unchanged = (text: string): string => text
  const shown = { stdout: unchanged, stderr: job.request.errors ?? unchanged }
  return {
    pass: (stream: 'stdout' | 'stderr', chunk: Buffer) => job.out(shown[stream](voices[stream].pass(chunk))),
    end: async (): Promise<void> => {
      for (const stream of ['stdout', 'stderr'] as const) await job.out(shown[stream](voices[stream].rest()))
    },
  }
}

/** Turns one stream of a command's output into text without secrets. */
function voiceOf(secrets: readonly StepSecret[]): { pass(chunk: Buffer): string; rest(): string } {
  const decoder = new StringDecoder()
  const hidden = secrets.flatMap((secret) => {
    if (secret.kind === 'agent') return []
    return [(secret.kind === 'file' ? secret.content : secret.value).reveal().toString()]
  })
  const redactor = new Redactor(hidden)
  return {
    pass: (chunk) => redactor.pass(decoder.write(chunk)),
    rest: () => redactor.pass(decoder.end()) + redactor.rest(),
  }
}

/**
 * What a RUN with heredocs executes: `RUN <<EOF` is a script, for the interpreter its `#!` names or else for the shell;
 * in any other the shell reads the heredocs itself.
 */
function scriptOf({ command, heredocs }: RunInstruction, config: ImageConfig): { args: string[]; file?: string } {
  const [heredoc] = heredocs
  if (command.form !== 'shell' || !heredoc) return { args: argsOf(command, config) }
  if (command.text !== heredoc.word) {
    const bodies = heredocs.map(({ content, name }) => `\n${content}${name}`).join('')
    return { args: argsOf({ form: 'shell', text: command.text + bodies }, config) }
  }
  if (heredoc.content.startsWith('#!')) return { args: [scriptPath], file: heredoc.content }
  return { args: argsOf({ form: 'shell', text: heredoc.content }, config) }
}

/** Image over arguments over what the host lends; only the first is in the image. */
async function environmentOf(
  job: Job,
  state: StageState,
  secrets: readonly StepSecret[],
  variables: Job['request']['variables'],
): Promise<string[]> {
  const { env } = await buildEnvironment(job.config, laidFilesOf(job.config))
  const proxies = [...job.request.buildArgs].filter(([name]) => predefinedArgs.includes(name))
  const all = new Map<string, string>([['PATH', defaultPath], ...Object.entries(env)])
  for (const [name, value] of proxies) if (value !== null) all.set(name, value)
  for (const [name, value] of [...state.args, ...environment(state.config)]) all.set(name, value)
  for (const [name, value] of variables) all.set(name, value)
  const agent = secrets.find(({ kind }) => kind === 'agent')
  if (agent?.kind === 'agent') all.set('SSH_AUTH_SOCK', agent.target)
  for (const secret of secrets) if (secret.kind === 'env') all.delete(secret.name)
  return [...all].map(([name, value]) => `${name}=${value}`)
}
