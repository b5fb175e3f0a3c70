import { chownSync, closeSync, statSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf, EngineError } from '../errors.js'
import type { Driver } from './driver.js'
import { type Filtered, rememberFilter, withFilter } from './filters.js'
import { refusalOf } from './refusal.js'
import type { SandboxCommand } from './sandbox.js'
import { openNull, pipeFrom, spawnProgram } from '../kernel/spawn.js'

/** As long as a disk may take to make a file. */
const patienceMs = 10_000

/** How a container's output is kept. */
export interface LogTarget {
  readonly path: string
  /** Bytes after which conmon starts the file over; 0 is never. */
  readonly maxSize: number
}

export interface Launch {
  readonly id: string
  /** Volatile directory of the container: config.json, pid files, attach socket. */
  readonly bundle: string
  readonly exitDir: string
  readonly spec: Filtered
  readonly tty: boolean
  readonly stdin: 'none' | 'once' | 'open'
  /** Whose its output streams become, by the host's ids. */
  readonly streamsOf: { readonly uid: number; readonly gid: number }
  /** Absent: output goes to whoever is attached, and nowhere else. */
  readonly log?: LogTarget
}

export interface StartedContainer {
  /** The container's first process, in the engine's pid namespace. */
  readonly pid: number
  readonly conmonPid: number
}

/** conmon(8)'s arguments. */
const conmonArgs = (driver: Driver, launch: Launch): string[] => [
  ...['--api-version', '1', '--cid', launch.id, '--cuuid', launch.id, '--name', launch.id],
  ...['--runtime', driver.path, ...driver.args.map((arg) => `--runtime-arg=${arg}`)],
  ...['--bundle', launch.bundle, '--full-attach', '--exit-dir', launch.exitDir, '--persist-dir', launch.bundle],
  ...['--container-pidfile', join(launch.bundle, 'pid'), '--conmon-pidfile', join(launch.bundle, 'conmon.pid')],
  ...['--log-level', 'error', '--no-sync-log', '--log-path', launch.log ? `k8s-file:${launch.log.path}` : 'none'],
  ...(launch.log && launch.log.maxSize > 0 ? ['--log-size-max', String(launch.log.maxSize)] : []),
  ...(launch.tty ? ['--terminal'] : []),
  ...(launch.stdin === 'none' ? [] : ['--stdin']),
  ...(launch.stdin === 'open' ? ['--leave-stdin-open'] : []),
]

/** The runtime's own words as Docker would put them. */
const runtimeMessage = (said: string, program: string, cwd: string): string =>
  'failed to create task for container: failed to create shim task: OCI runtime create failed: ' +
  refusalOf({ said: said.trim().replace(/^error executing hook.*$/m, ''), program, cwd })

/**
 * Creates a container under a conmon of its own, which holds its streams, log and exit status and outlives the engine.
 * The program does not run yet. @throws EngineError with the runtime's reason
 */
export async function launch(
  driver: Driver,
  conmon: string,
  wanted: Launch,
  { args, cwd }: Pick<SandboxCommand, 'args' | 'cwd'>,
): Promise<StartedContainer> {
  await mkdir(wanted.bundle, { recursive: true, mode: 0o700 })
  const spec = driver.filterOf ? withFilter(wanted.spec) : wanted.spec
  await writeFile(join(wanted.bundle, 'config.json'), JSON.stringify(spec))
  const complaints = pipeFrom()
  const sync = pipeFrom()
  const nothing = openNull()
  try {
    spawnProgram(conmon, conmonArgs(driver, wanted), {
      descriptors: [nothing, nothing, complaints.end, sync.end],
      env: { PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin', _OCI_SYNCPIPE: '3' },
    })
  } finally {
    for (const fd of [nothing, complaints.end, sync.end]) closeSync(fd)
  }
  const complaint = text(complaints.stream).catch(() => '') // words alone: what fails is told by the other pipe
  const answer = await firstLine(sync.stream)
  const { data, message = '' } = parseSync(answer)
  if (data === undefined || data < 0)
    throw new EngineError('invalid', runtimeMessage(message === '' ? await complaint : message, args[0] ?? '', cwd))
  giveStreams(data, wanted.streamsOf)
  if (driver.filterOf) await rememberFilter(wanted.spec, driver.filterOf(wanted.id))
  return { pid: data, conmonPid: await monitorOf(wanted.bundle) }
}

/** conmon's parent writes the file beside its child, which answers: on a slow disk it may come after the answer. */
async function monitorOf(bundle: string): Promise<number> {
  for (const deadline = Date.now() + patienceMs; ;) {
    try {
      return Number(await readFile(join(bundle, 'conmon.pid'), 'utf8'))
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || Date.now() > deadline) throw error
    }
    await sleep(5)
  }
}

/**
 * Has a program that opens /dev/stdout again find a pipe of its own. runc (1.1) does so as the container's root, who may
 * not where there is a user namespace.
 */
function giveStreams(pid: number, { uid, gid }: { readonly uid: number; readonly gid: number }): void {
  for (const fd of ['1', '2']) {
    const path = `/proc/${String(pid)}/fd/${fd}`
    if (statSync(path, { throwIfNoEntry: false })?.isFIFO()) chownSync(path, uid, gid)
  }
}

/** conmon keeps its end open for as long as the container lives. */
async function firstLine(stream: Readable): Promise<string> {
  let line = ''
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    line += chunk.toString()
    if (line.includes('\n')) break
  }
  return line
}

function parseSync(answer: string): { data?: number; message?: string } {
  try {
    return JSON.parse(answer) as { data?: number; message?: string }
  } catch {
    return {}
  }
}
