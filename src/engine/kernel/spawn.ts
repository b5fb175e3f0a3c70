import { constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import koffi from 'koffi'
import { pipe, SystemCallError } from './libc.js'

/** A program that was started. */
export interface SpawnedProcess {
  readonly pid: number
  /** Its exit status, 128 + signal for a killed one. */
  readonly exited: Promise<number>
}

export interface SpawnOptions {
  /** What becomes its descriptors 0, 1, 2 and on; they stay the caller's to close. */
  readonly descriptors: readonly number[]
  readonly env: Readonly<Record<string, string>>
}

const lib = koffi.load('libc.so.6')
const raw = {
  spawn: lib.func(
    'int posix_spawn(_Out_ int *pid, const char *path, uint8_t *actions, uint8_t *attributes, const char **argv, const char **envp)',
  ),
  initActions: lib.func('int posix_spawn_file_actions_init(uint8_t *actions)'),
  duplicate: lib.func('int posix_spawn_file_actions_adddup2(uint8_t *actions, int from, int to)'),
  changeDir: lib.func('int posix_spawn_file_actions_addchdir_np(uint8_t *actions, const char *path)'),
  destroyActions: lib.func('int posix_spawn_file_actions_destroy(uint8_t *actions)'),
  initAttributes: lib.func('int posix_spawnattr_init(uint8_t *attributes)'),
  setFlags: lib.func('int posix_spawnattr_setflags(uint8_t *attributes, short flags)'),
  setDefaults: lib.func('int posix_spawnattr_setsigdefault(uint8_t *attributes, const uint8_t *signals)'),
  setMask: lib.func('int posix_spawnattr_setsigmask(uint8_t *attributes, const uint8_t *signals)'),
  wait: lib.func('int waitpid(int pid, _Out_ int *status, int options)'),
}

const POSIX_SPAWN_SETSIGDEF = 0x04
const POSIX_SPAWN_SETSIGMASK = 0x08
const POSIX_SPAWN_SETSID = 0x80
const WNOHANG = 1
/** More than either of posix_spawn's structures takes anywhere. */
const structureSize = 1024
const signalSetSize = 128

const children = new Map<number, (code: number) => void>()

/**
 * Starts a program in a session of its own, in `/`, all its signals as they are by default. posix_spawn(3), which borrows
 * the engine's memory until the program runs: Node's own spawn copies its page tables, 5 to 20 ms in which nothing else
 * is served. Node does not know these children, so they are reaped here.
 * @throws SystemCallError
 */
export function spawnProgram(
  path: string,
  args: readonly string[],
  { descriptors, env }: SpawnOptions,
): SpawnedProcess {
  if (!process.listeners('SIGCHLD').includes(reap)) process.on('SIGCHLD', reap)
  const actions = Buffer.alloc(structureSize)
  const attributes = Buffer.alloc(structureSize)
  raw.initActions(actions)
  try {
    for (const [to, from] of descriptors.entries()) raw.duplicate(actions, from, to)
    raw.changeDir(actions, '/')
    raw.initAttributes(attributes)
    raw.setFlags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID)
    raw.setDefaults(attributes, Buffer.alloc(signalSetSize).fill(0xff, 0, 3).fill(0x7f, 3, 4)) // 1 to 31: Node ignores SIGPIPE
    raw.setMask(attributes, Buffer.alloc(signalSetSize))
    const started = [0]
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
    const failure: unknown = raw.spawn(started, path, actions, attributes, [path, ...args, null], [...variables, null])
    if (failure !== 0) throw new SystemCallError(`posix_spawn ${path}`, Number(failure))
    const [pid = 0] = started
    return { pid, exited: new Promise((resolve) => children.set(pid, resolve)) }
  } finally {
    raw.destroyActions(actions)
  }
}

/** One SIGCHLD may stand for several ends. */
function reap(): void {
  for (const [pid, ended] of children) {
    const status = [0]
    if (raw.wait(pid, status, WNOHANG) !== pid) continue
    children.delete(pid)
    const [word = 0] = status // wait(2): the signal in the low seven bits, else the code above them
    ended((word & 0x7f) === 0 ? (word >> 8) & 0xff : 128 + (word & 0x7f))
  }
}

/** A pipe that a child writes to. The caller closes the child's `end` once the child has it. */
export function pipeFrom(): { readonly stream: Socket; readonly end: number } {
  const [read, write] = pipe()
  return { stream: new Socket({ fd: read, readable: true, writable: false }), end: write }
}

/** A pipe that a child reads from. The caller closes the child's `end` once the child has it. */
export function pipeTo(): { readonly stream: Socket; readonly end: number } {
  const [read, write] = pipe()
  return { stream: new Socket({ fd: write, readable: false, writable: true }), end: read }
}

/** Opens what stands in for a stream that a child is not given. The caller closes it. */
export const openNull = (): number => openSync('/dev/null', constants.O_RDWR)
