import { createReadStream } from 'node:fs'
import { isAbsolute, join } from 'node:path/posix'
import { EngineError } from '../errors.js'
import type { Archive } from '../images/carry.js'
import { decompress } from '../images/compression.js'
import { cacheKey } from './cache.js'
import type { Copy, One } from './instructions.js'
import { type Job, layerOf } from './job.js'
import { Scope } from './scope.js'
import { workingDirectory } from './settings.js'
import { configured, layered, type State, variablesOf } from './state.js'

/** COPY and ADD. @throws DockerfileError */
export async function copyStep(job: Job, instruction: Copy, state: State): Promise<State> {
  const { line, kind } = instruction
  const scope = new Scope(line, variablesOf(state), job.dockerfile.escape)
  const patterns = instruction.sources.map((word) => scope.word(word))
  const remote = patterns.findIndex((pattern) => /^(https?|git|ssh):\/\/|^git@/.test(pattern))
  if (kind === 'ADD' && remote >= 0)
    throw line.error(
      instruction.sources[remote]?.offset ?? 0,
      'ADD from a URL is not supported',
      'fetch it in a RUN step',
    )
  const inline = instruction.heredocs.map(({ name, content, expand }) => ({
    name,
    content: expand ? scope.heredoc(content) : content,
  }))
  const chown = instruction.chown && scope.word(instruction.chown)
  const chmod = readMode(job, instruction, scope)
  const target = absolute(scope.word(instruction.target), state)
  const from = instruction.from && scope.word(instruction.from)
  const layers = await sourceLayers(job, instruction, from)
  const known = from === undefined ? { known: job.request.context.manifest } : {}
  const sources = { layers, patterns, ...known }
  const digest = await placed(instruction, from, () => job.store.porters.run('digest', sources))
  const key = cacheKey(kind, state.layers, digest, inline, target, chown ?? null, chmod ?? null)
  const { layer, created } = await layerOf(job, key, async ({ upper }) => {
    const lowers = job.directories(state.layers)
    const archives = await placed(instruction, from, () =>
      job.store.porters.run('carry', {
        ...sources,
        inline,
        lowers,
        upper,
        target,
        ...(chown === undefined ? {} : { chown }),
        ...(chmod === undefined ? {} : { chmod }),
        mayLink: from === undefined,
        sparingArchives: kind === 'ADD',
      }),
    )
    for (const archive of archives) await placed(instruction, from, () => unpack(job, archive, lowers, upper))
  })
  return layered(state, line.text, layer, created)
}

/** WORKDIR: a setting, and a layer when the directory is not there yet. */
export async function workdirStep(job: Job, instruction: One, state: State): Promise<State> {
  const { line } = instruction
  const scope = new Scope(line, variablesOf(state), job.dockerfile.escape)
  const path = workingDirectory(state.config, scope.word(instruction.text))
  const createdBy = `WORKDIR ${path}`
  const key = cacheKey('WORKDIR', state.layers, path)
  const directories = job.directories(state.layers)
  const cached = !job.request.noCache && job.cache.get(key) !== undefined
  if (!cached && directories.length > 0) {
    const { kind } = await job.store.porters.run('look', { layers: directories, path })
    if (kind === 'other') throw line.error(instruction.text.offset, `cannot make "${path}": it is not a directory`)
    if (kind === 'directory') return configured(state, createdBy, { WorkingDir: path })
  }
  const { layer, created } = await layerOf(job, key, async ({ upper }) =>
    job.store.porters.run('mkdir', { lowers: directories, upper, path }),
  )
  return { ...layered(state, createdBy, layer, created), config: { ...state.config, WorkingDir: path } }
}

async function sourceLayers(
  job: Job,
  { line, from: word }: Copy,
  from: string | undefined,
): Promise<readonly string[]> {
  if (from === undefined) return [job.request.context.directory]
  const stage = job.stage(from)
  const layers = stage ? (await stage).layers : (await job.image(from)).layers
  if (layers.length === 0) throw line.error(word?.offset ?? 0, `--from=${from} is empty: there is nothing to copy`)
  return job.directories(layers)
}

/** Where a target is, its trailing slash kept: it says that the target is a directory. */
function absolute(target: string, state: State): string {
  const path = isAbsolute(target) ? join(target) : join('/', state.config.WorkingDir ?? '/', target)
  const directory = /(^|\/)\.{0,2}$/.test(target)
  return directory && !path.endsWith('/') ? `${path}/` : path
}

function readMode(job: Job, { line, chmod }: Copy, scope: Scope): number | undefined {
  if (!chmod) return undefined
  const text = scope.word(chmod)
  if (!/^[0-7]{1,4}$/.test(text))
    throw line.error(chmod.offset, `invalid chmod parameter: "${text}"`, 'it must be octal, like 755 or 0644')
  return parseInt(text, 8)
}

/** Tells an error of the copy with the place of the instruction. */
async function placed<T>(instruction: Copy, from: string | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof EngineError) || (error.fault !== 'missing' && error.fault !== 'invalid')) throw error
    const { line, kind, sources } = instruction
    const source = sources.find(({ text }) => error.message.includes(`"${text}"`))
    const where =
      from === undefined ? 'not found in the build context, or left out by .dockerignore' : `not found in ${from}`
    const why = error.fault === 'missing' ? `${error.message} (${where})` : error.message
    throw line.error(source?.offset ?? 0, `${kind} failed: ${why}`)
  }
}

async function unpack(job: Job, archive: Archive, lowers: readonly string[], upper: string): Promise<void> {
  const stream = decompress(createReadStream(archive.file), archive.compression)
  const task = { upper, lowers, base: archive.target, as: 'add' as const }
  await job.store.porters.unpack(task, stream, job.signal)
}
