import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError } from '../errors.js'
import { download, fileNameOf, isUrl } from './download.js'
import { fetchRepository, readGitUrl } from './git.js'
import { withinReserve } from '../system/space.js'
import type { CopyInstruction } from './instructions.js'
import type { Job } from './job.js'
import type { Word } from './words.js'

/** What ADD fetched, as a tree of its own to copy from. */
export interface Fetched {
  readonly directory: string
  /** What to take from it. */
  readonly pattern: string
  /** Stands for the content where it is known without reading it. */
  readonly identity?: string
}

/** Whether ADD fetches this. */
export const isRemote = (source: string): boolean => isUrl(source) || readGitUrl(source) !== undefined

/** Reads `--checksum`. @throws DockerfileError */
export function readChecksum({ line, sources }: CopyInstruction, word: Word, text: string): string {
  if (!/^sha256:[0-9a-f]{64}$/.test(text))
    throw line.error(word.offset, `invalid checksum "${text}"`, 'it must be sha256: and 64 hex digits')
  if (sources.length > 1) throw line.error(word.offset, 'checksum cannot be specified for multiple sources')
  return text
}

/**
 * Fetches one source of an ADD into `place`, which does not exist yet.
 * @throws DockerfileError for what cannot be fetched or is not what its checksum says
 */
export async function fetchSource(
  job: Job,
  { line, keepGitDir }: CopyInstruction,
  { source, word, checksum, place }: FetchTask,
): Promise<Fetched> {
  const fail = (message: string, hint?: string): Error => line.error(word.offset, `ADD failed: ${message}`, hint)
  const reserve = { ...job.config, signal: job.signal }
  try {
    const repository = readGitUrl(source)
    if (repository) {
      const { agents, sandbox } = job.request
      const around = { env: job.config.buildEnv, agent: agents.get('default'), sandbox }
      const commit = await withinReserve(reserve, (signal) =>
        fetchRepository(repository, place, { ...around, signal }, keepGitDir),
      )
      if (checksum !== undefined)
        throw fail('checksum of a git repository is not supported', 'name the commit: #<hash>')
      const { path, kind } = await job.store.pool.run('look', { layers: [place], path: repository.subdirectory })
      if (kind !== 'directory') throw fail(`no directory "${repository.subdirectory}" in ${repository.url}`)
      return { directory: place, pattern: path, identity: JSON.stringify([commit, path, keepGitDir]) }
    }
    const name = fileNameOf(source) ?? 'download'
    await mkdir(place)
    const { sandbox } = job.request
    await withinReserve(reserve, (signal) => download(source, join(place, name), sandbox, signal))
    const [content] = await job.store.pool.run('scan', place)
    const digest = `sha256:${content?.content ?? ''}`
    if (checksum !== undefined && digest !== checksum)
      throw fail(`digest mismatch ${digest}: ${checksum}`, 'what the URL gives is not what the Dockerfile expects')
    // as a name, not as a pattern
    return { directory: place, pattern: name.replace(/[\\*?[]/g, '\\$&') }
  } catch (error) {
    if (error instanceof EngineError && error.fault === 'invalid' && !error.message.startsWith(`${line.file}:`))
      throw fail(error.message)
    throw error
  }
}

interface FetchTask {
  readonly source: string
  readonly word: Word
  readonly checksum: string | undefined
  readonly place: string
}
