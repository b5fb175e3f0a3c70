import { Writable, type Readable } from 'node:stream'
import { BerthError } from '../errors.js'
import { harmless } from '../lib/terminal.js'
import type { Service, ServiceFacts } from '../store/services.js'
import { factsOf } from './facts.js'
import { serverOf, type ServiceLookDeps } from './server.js'
import { settled } from './settled.js'

/** Bytes of what a check says: a line a table. */
const longestCheck = 16 * 1024 * 1024

/** How a service is backed up. @throws BerthError `invalid` of one that keeps nothing, `conflict` before its first start */
export function backupOf(service: Service): NonNullable<ServiceFacts['backup']> {
  const { backup, title } = factsOf(service)
  if (backup) return backup
  throw new BerthError('invalid', `${service.name} keeps nothing: ${title} is a cache`, 'there is nothing to back up')
}

/**
 * Writes a dump of a service that runs, whole and as of one moment; `output` is not ended.
 * @throws BerthError `broken` where it is not whole, `conflict` where the service does not run
 */
export async function dumpService(
  deps: ServiceLookDeps,
  service: Service,
  output: Writable,
  signal: AbortSignal,
): Promise<void> {
  const backup = backupOf(service)
  await pipe(deps, service, backup.dump, { output, signal }, 'it could not be dumped')
}

/**
 * Reads a dump into a service that is new, runs and is empty; it serves what was restored when this resolves.
 * @throws BerthError `broken` where that failed: what it has then is nothing to keep
 */
export async function restoreService(
  deps: ServiceLookDeps,
  service: Service,
  input: Readable,
  signal: AbortSignal,
): Promise<void> {
  const backup = backupOf(service)
  await pipe(deps, service, backup.restore, { input, signal }, 'it could not be restored')
  if (!backup.restarts) return
  const { turn } = await deps.store.services.ask(service.id, (one) => ({ restarts: one.restarts + 1 }))
  await settled(deps.store, { id: service.id, turn }, signal)
}

/** Reads all of a service's data. @returns a line a thing that there is @throws BerthError `broken` where it is not whole */
export async function checkService(deps: ServiceLookDeps, service: Service, signal: AbortSignal): Promise<string> {
  const backup = backupOf(service)
  const lines: Buffer[] = []
  let size = 0
  const output = new Writable({
    write: (chunk: Buffer, _, done) => {
      size += chunk.length
      if (size <= longestCheck) lines.push(chunk)
      done(size > longestCheck ? new BerthError('large', 'it has too many things to be listed') : null)
    },
  })
  await pipe(deps, service, backup.check, { output, signal }, 'its data is not whole')
  return Buffer.concat(lines).toString('utf8')
}

async function pipe(
  deps: ServiceLookDeps,
  service: Service,
  words: readonly string[],
  pipes: { readonly input?: Readable; readonly output?: Writable; readonly signal: AbortSignal },
  what: string,
): Promise<void> {
  const server = await serverOf(deps, service)
  if (server?.State.Running !== true)
    throw new BerthError('conflict', `${service.name} does not run`, `\`berth services:start ${service.name}\``)
  const { code, output } = await deps.engine.containers.pipe(server.Id, words, pipes)
  if (code === 0) return
  const said = harmless(output.trim()).split('\n').at(-1)?.slice(0, 300) ?? ''
  throw new BerthError('broken', `${what}: ${said === '' ? `exit code ${code}` : said}`, 'see `berth services:logs`')
}
