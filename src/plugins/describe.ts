import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { BerthError, is } from '../errors.js'
import { deadline } from '../lib/deadline.js'
import { killGroup } from './execute.js'
import type { ServiceVersion } from './kinds/service.js'

/** A plugin whose code is to be looked at. */
export interface InspectionRequest {
  readonly directory: string
  /** Checked where they are given. */
  readonly settings?: Readonly<Record<string, string>>
  /** A recipe of services says what it is of, too. */
  readonly service?: true
}

/** What a recipe of services is of. */
export interface ServiceDescription {
  /** `PostgreSQL` */
  readonly title: string
  /** `DATABASE` of `DATABASE_URL`. */
  readonly variable: string
  /** It can be shared by apps that see nothing of each other. */
  readonly shareable?: true | undefined
  /** The first is made unless another is asked for. */
  readonly versions: readonly [ServiceVersion, ...ServiceVersion[]]
}

/** What may be set of a plugin. */
export interface SettingDescription {
  readonly name: string
  readonly description: string
  /** Null where there is none. */
  readonly default: string | null
  readonly secret: boolean
  readonly required: boolean
}

/** What a plugin says of itself. */
export interface PluginDescription {
  readonly name: string
  readonly kind: string
  readonly version: string
  readonly requires: readonly string[]
  readonly settings: readonly SettingDescription[]
}

/** What came of looking at a plugin. */
export interface Inspected {
  /** Null where it is none, or its code fails. */
  readonly description: PluginDescription | null
  /** Why there is no description. */
  readonly problem: string | null
  /** What is wrong with settings, by their names. */
  readonly settings: Readonly<Record<string, string>>
  /** Where it was asked for; null of another kind. */
  readonly service?: ServiceDescription | null
}

/** ms that all of them have to load. */
const patience = 15_000

/** Bytes that all of them may say. */
const mostBytes = 1 << 20

const home = fileURLToPath(new URL('../..', import.meta.url))
const program = fileURLToPath(new URL(`./inspect${import.meta.url.slice(-3)}`, import.meta.url))

/** Runs the code of plugins in a process of its own, which ends with that, and says what they are, one after the other. */
export async function describePlugins(
  requests: readonly InspectionRequest[],
  limit = patience,
): Promise<readonly Inspected[]> {
  if (requests.length === 0) return []
  try {
    return await inspect(requests, limit)
  } catch (error) {
    if (!is(error, 'invalid')) throw error
    return requests.map(() => ({ description: null, problem: error.message, settings: {} }))
  }
}

/** @throws BerthError `invalid` where it does not come to an end */
async function inspect(requests: readonly InspectionRequest[], limit: number): Promise<readonly Inspected[]> {
  using late = deadline(limit)
  const child = spawn(process.execPath, [...process.execArgv.filter((flag) => flag !== '--'), program], {
    stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
    cwd: home,
    env: { PATH: process.env.PATH, NODE_ENV: 'production' },
    detached: true, // a group of its own: what it starts ends with it
  })
  const kill = (): void => killGroup(child.pid)
  late.signal.addEventListener('abort', kill)
  try {
    const [stdin, , , answers] = child.stdio as unknown as [Writable, null, null, Readable]
    stdin.on('error', () => undefined) // it may end before it has read: its answer says so
    stdin.end(JSON.stringify(requests))
    const [text] = await Promise.all([readAll(answers, kill), once(child, 'close')])
    if (late.signal.aborted) throw new BerthError('invalid', `its code does not load within ${limit / 1000} s`)
    return JSON.parse(text) as Inspected[]
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new BerthError('invalid', 'its code ends the process that loads it', undefined, error)
  } finally {
    late.signal.removeEventListener('abort', kill)
    kill()
  }
}

async function readAll(stream: Readable, tooMuch: () => void): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > mostBytes) {
      tooMuch()
      throw new BerthError('invalid', 'it says too much of itself')
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
