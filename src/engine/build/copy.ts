import { lstat, open } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path/posix'
import type { Readable } from 'node:stream'
import { EngineError, isFault, messageOf } from '../errors.js'
import type { Archive, CopyTask } from '../images/copy-files.js'
import { decompress } from '../oci/compression.js'
import { readModeChange } from '../images/mode.js'
import { familiarName, parseReference } from '../oci/reference.js'
import type { Earlier } from '../images/copies.js'
import type { LayerDraft as LayerStage } from '../images/layers.js'
import type { FileSelection } from '../images/selection.js'
import { noFollow, changed, stampOf } from '../images/stamp.js'
import { withinReserve } from '../system/space.js'
import { fetchSource, isRemote, readChecksum } from './add.js'
import { cacheKey } from './cache.js'
import { fileNameOf } from './download.js'
import { readGitUrl } from './git.js'
import type { CopyInstruction, One } from './instructions.js'
import { copiesOf, type Job, layerOf, type Likeness } from './job.js'
import { Scope } from './scope.js'
import { workingDirectory } from './settings.js'
import { configured, layered, type StageState, variablesOf } from './state.js'

/** Files of one place that a COPY or ADD takes. */
interface Group {
  readonly sources: FileSelection
  /** Stands for their content. */
  readonly digest: string
  readonly inline: CopyTask['inline']
  /** Nobody else's, and never written to again. */
  readonly own: boolean
  /** Whose they are when the instruction does not say: absent, whoever they belong to. */
  readonly owner?: string
  readonly unpack: boolean
}

/** COPY and ADD. @throws DockerfileError */
export async function copyStep(job: Job, instruction: CopyInstruction, state: StageState): Promise<StageState> {
  const { line, kind, link } = instruction
  const scope = new Scope(line, variablesOf(state), job.dockerfile.escape)
  const chown = instruction.chown && scope.word(instruction.chown)
  const chmod = readMode(instruction, scope)
  const target = absolute(scope.word(instruction.target), state)
  const lowers = job.directories(state.layers)
  await using scratch = await job.store.layers.draft()
  const groups = await groupsOf(job, instruction, scope, { target, place: scratch.work })
  // a layer that stands by itself is the same on any base, as long as it finds its directories there alike
  const numeric = chown === undefined || /^\d+(:\d+)?$/.test(chown)
  const base = link ? await job.store.pool.run('ancestry', { layers: lowers, path: target }) : state.layers
  const made = groups.map(({ digest, inline, unpack }) => [digest, inline, unpack])
  const accounts = link && !numeric ? state.layers : []
  const key = cacheKey(kind, link, base, accounts, made, target, chown ?? null, chmod ?? null)
  const tasks = tasksOf(groups, {
    ...{ lowers, target, link },
    ...(chown === undefined ? {} : { chown }),
    ...(chmod === undefined ? {} : { chmod }),
  })
  const [only, ...others] = tasks
  // files of several places may take each other's paths
  const alike = only?.known === undefined || others.length > 0 ? undefined : likenessOf(job, instruction, scope, only)
  const make = async (stage: LayerStage, earlier: Earlier | undefined): Promise<void> => {
    const { upper } = stage
    const again = alike === undefined ? {} : { copies: copiesOf(stage), ...(earlier && { earlier }) }
    for (const task of tasks) {
      const archives = await placed(instruction, () => job.store.pool.run('copyFiles', { ...task, upper, ...again }))
      for (const archive of archives) await placed(instruction, () => unpack(job, archive, link ? [] : lowers, upper))
    }
  }
  const record = await layerOf(job, key, line.text, make, alike)
  const whole = instruction.from === undefined && instruction.sources.some(({ text }) => /^\.?\/?$/.test(text))
  return { ...layered(state, line.text, record, key), whole: state.whole || whole }
}

type Placing = Pick<CopyTask, 'lowers' | 'target' | 'link' | 'chown' | 'chmod'>

/** What a worker is to copy, an owner of the instruction's before the group's. */
const tasksOf = (groups: readonly Group[], how: Placing): Omit<CopyTask, 'upper'>[] =>
  groups.map(({ sources, inline, own, owner, unpack: keepArchives }) => ({
    ...sources,
    inline,
    ...(owner === undefined ? {} : { chown: owner }),
    ...how,
    several: groups.length > 1,
    mayLink: own,
    keepArchives,
  }))

/** Like it are those of builds of the same names, whatever the files and whatever they are copied onto. */
function likenessOf(job: Job, instruction: CopyInstruction, scope: Scope, task: Omit<CopyTask, 'upper'>): Likeness {
  const { kind, sources, parents, link } = instruction
  const { lowers, target, inline, exclude, chown, chmod, keepArchives } = task
  const repositories = job.request.names.map((name) => familiarName(parseReference(name)))
  const patterns = sources.map((word) => scope.word(word))
  return {
    like: cacheKey(repositories, kind, patterns, parents, link, target),
    over: cacheKey(lowers, inline, exclude, chown ?? null, chmod ?? null),
    makeOver: ({ upper }, earlier) =>
      keepArchives
        ? Promise.resolve(false)
        : placed(instruction, () => job.store.pool.run('copyOver', { ...task, upper, earlier })),
  }
}

/** What a COPY or ADD takes, by where it comes from; what is far is fetched below `place`. */
async function groupsOf(
  job: Job,
  instruction: CopyInstruction,
  scope: Scope,
  { target, place }: { target: string; place: string },
): Promise<Group[]> {
  const { line, kind, checksum, unpack } = instruction
  const words = instruction.sources.map((word) => ({ word, source: scope.word(word) }))
  const far = kind === 'ADD' ? words.filter(({ source }) => isRemote(source)) : []
  const patterns = words.filter((one) => !far.includes(one)).map(({ source }) => source)
  const inline = instruction.heredocs.map(({ name, content, expand }) => ({
    name,
    content: expand ? scope.heredoc(content) : content,
  }))
  const sum = checksum && readChecksum(instruction, checksum, scope.word(checksum))
  if (checksum && far.length === 0)
    throw line.error(checksum.offset, 'checksum cannot be specified for non-HTTP(S) sources')
  const exclude = instruction.exclude.map((word) => scope.word(word))
  const chosen = { exclude, parents: instruction.parents }
  const groups: Group[] = []
  if (patterns.length + inline.length > 0) {
    const from = instruction.from && scope.word(instruction.from)
    const near = await nearGroup(job, instruction, { patterns, ...chosen }, from)
    groups.push({ ...near, inline, unpack: kind === 'ADD' && unpack !== false })
  }
  for (const [index, { word, source }] of far.entries()) {
    if (target.endsWith('/') && !readGitUrl(source) && fileNameOf(source) === undefined)
      throw line.error(word.offset, `cannot determine filename for source ${source}`)
    const task = { source, word, checksum: sum, place: join(place, String(index)) }
    const { directory, pattern, identity } = await fetchSource(job, instruction, task)
    const sources = { layers: [directory], patterns: [pattern], ...chosen }
    const digest = identity ?? (await placed(instruction, () => job.store.pool.run('digest', sources)))
    groups.push({ sources, digest, inline: [], own: true, unpack: unpack === true })
  }
  return groups
}

/** What is taken from the context, or from the stage or image `from`. */
async function nearGroup(
  job: Job,
  instruction: CopyInstruction,
  chosen: Pick<Group['sources'], 'patterns' | 'exclude' | 'parents'>,
  from: string | undefined,
): Promise<Omit<Group, 'inline' | 'unpack'>> {
  const layers = await sourceLayers(job, instruction, from)
  const { context } = job.request
  const sources = { layers, ...(from === undefined ? { known: context.indexFile } : {}), ...chosen }
  const read = (): Promise<string> => placed(instruction, () => job.store.pool.run('digest', sources), from)
  if (from !== undefined) return { sources, digest: await job.cache.digests.of(sources, read), own: false }
  // a context that is sent is root's
  return { sources, digest: await read(), own: context.own, ...(context.own ? {} : { owner: '0:0' }) }
}

/** WORKDIR: a setting, and a layer when the directory is not there yet. */
export async function workdirStep(job: Job, instruction: One, state: StageState): Promise<StageState> {
  const { line } = instruction
  const scope = new Scope(line, variablesOf(state), job.dockerfile.escape)
  const path = workingDirectory(state.config, scope.word(instruction.text))
  const createdBy = `WORKDIR ${path}`
  const user = state.config.User ?? ''
  const key = cacheKey('WORKDIR', state.layers, path, user)
  const directories = job.directories(state.layers)
  const cached = !job.request.noCache && job.cache.get(key) !== undefined
  if (!cached && directories.length > 0) {
    const { kind } = await job.store.pool.run('look', { layers: directories, path })
    if (kind === 'other') throw line.error(instruction.text.offset, `cannot make "${path}": it is not a directory`)
    if (kind === 'directory') return configured(state, createdBy, { WorkingDir: path })
  }
  const record = await layerOf(job, key, createdBy, ({ upper }) =>
    job.store.pool.run('mkdir', { lowers: directories, upper, path, user }).catch((error: unknown) => {
      throw isFault(error, 'invalid') ? line.error(instruction.text.offset, error.message) : error
    }),
  )
  return { ...layered(state, createdBy, record, key), config: { ...state.config, WorkingDir: path } }
}

async function sourceLayers(
  job: Job,
  { line, from: word }: CopyInstruction,
  from: string | undefined,
): Promise<readonly string[]> {
  if (from === undefined) return [job.request.context.directory]
  const stage = job.stage(from)
  const layers = stage ? (await stage).layers : (await job.image(from)).layers
  if (layers.length === 0) throw line.error(word?.offset ?? 0, `--from=${from} is empty: there is nothing to copy`)
  return job.directories(layers)
}

/** Where a target is, its trailing slash kept: it says that the target is a directory. */
function absolute(target: string, state: StageState): string {
  const path = isAbsolute(target) ? join(target) : join('/', state.config.WorkingDir ?? '/', target)
  const directory = /(^|\/)\.{0,2}$/.test(target)
  return directory && !path.endsWith('/') ? `${path}/` : path
}

function readMode({ line, chmod }: CopyInstruction, scope: Scope): string | undefined {
  if (!chmod) return undefined
  const text = scope.word(chmod)
  try {
    readModeChange(text)
    return text
  } catch (error) {
    throw line.error(chmod.offset, messageOf(error))
  }
}

/** Tells an error of the copy with the place of the instruction. */
async function placed<T>(
  instruction: CopyInstruction,
  work: () => Promise<T>,
  from = instruction.from?.text,
): Promise<T> {
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
  const { file, stamp, compression, target } = archive
  await using source = await openStamped(file, stamp)
  const stream = decompress(source.stream, compression)
  const task = { upper, lowers, base: target, as: 'add' as const }
  await withinReserve({ ...job.config, signal: job.signal }, (signal) => job.store.pool.unpack(task, stream, signal))
  if (stamp !== undefined && stampOf(await lstat(file)) !== stamp) throw changed(file)
}

/** A file of one that others may write to as `withUnchanged` opens it. @throws EngineError `conflict` when it is another */
async function openStamped(file: string, stamp: string | undefined): Promise<{ stream: Readable } & AsyncDisposable> {
  const handle = await open(file, noFollow).catch((cause: unknown) => {
    throw changed(file, cause)
  })
  const close = (): Promise<void> => handle.close()
  if (stamp === undefined || stampOf(await handle.stat()) === stamp)
    return { stream: handle.createReadStream(), [Symbol.asyncDispose]: close }
  await close()
  throw changed(file)
}
