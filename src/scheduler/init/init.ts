import { createHash } from 'node:crypto'
import { mkdir, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { pack } from 'tar-stream'
import type { Config } from '../../config.js'
import type { EngineInfo } from '../../engine-client/client.js'
import { own } from '../../lib/own.js'
import type { AppEngine } from '../app-engine.js'
import { binaries } from './binaries.js'

const path = '/.berth-init'

/**
 * How the containers of an app get their init, which passes the stop signal to every process in them: see init.c. It is
 * Berth's own and not the engine's, because `Init` of the Docker API is tini or catatonit, which tell the first process
 * alone, and end the container with it.
 */
export interface Init {
  /** What goes before the program. */
  readonly words: readonly string[]
  /** HostConfig of the container. */
  readonly host: { readonly Binds?: string[]; readonly Init?: true }
  /** A tar archive to put at `/` before the start; null when nothing has to be. */
  readonly archive: Buffer | null
}

/** `uname -m` of this machine, for engines that do not tell theirs. */
const machines: Partial<Record<NodeJS.Architecture, string>> = { x64: 'x86_64', arm64: 'aarch64' }

const known = new WeakMap<AppEngine, Promise<Init>>()

/** The init for containers of an engine. Asks and writes once; a failure is forgotten. */
export function initFor(engine: AppEngine, config: Config): Promise<Init> {
  const before = known.get(engine)
  if (before) return before
  const made = make(engine, config)
  known.set(engine, made)
  made.catch(() => known.delete(engine))
  return made
}

async function make(engine: AppEngine, config: Config): Promise<Init> {
  const info = await engine.info()
  const lines = own(binaries, info.Architecture ?? machines[process.arch] ?? '')
  // a machine that none was made for: the engine's own is better than nothing
  if (lines === undefined) return { words: [], host: hasInit(info) ? { Init: true } : {}, archive: null }
  const program = Buffer.from(lines.join(''), 'base64')
  if (config.ownEngine)
    return { words: [path], host: { Binds: [`${await install(config, program)}:${path}:ro`] }, archive: null }
  // the engine may be another machine's, that does not see our files
  const archive = pack()
  archive.entry({ name: path.slice(1), mode: 0o555 }, program)
  archive.finalize()
  return { words: [path], host: {}, archive: await buffer(archive) }
}

/** Writes it where every container's is mounted from; a change of it has another name, for old containers keep theirs. */
async function install({ root }: Config, program: Buffer): Promise<string> {
  const directory = join(root, 'init')
  const file = join(directory, createHash('sha256').update(program).digest('hex').slice(0, 16))
  const there = await stat(file).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  })
  if (there?.size === program.length) return file
  await mkdir(directory, { recursive: true, mode: 0o755 })
  await writeFile(`${file}.new`, program, { mode: 0o555, flush: true })
  await rename(`${file}.new`, file)
  return file
}

/** dockerd names its init even when it is not installed; then its commit is "N/A". */
const hasInit = ({ InitBinary = '', InitCommit }: EngineInfo): boolean => InitBinary !== '' && InitCommit?.ID !== 'N/A'
