import { accessSync, closeSync, constants, existsSync, openSync, rmSync, unlinkSync, writeSync } from 'node:fs'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { EngineError } from '../errors.js'

/** The OCI runtime in use. */
export interface Driver {
  readonly name: 'crun' | 'runc'
  readonly path: string
  /** Where it keeps its state. */
  readonly root: string
  /** Arguments before any command. */
  readonly args: readonly string[]
  /** Lets a created container's program run. */
  start(id: string): Promise<void>
  /** Created, and its program does not run yet. */
  waits(id: string): boolean
  /** Where it leaves the system call filter that it compiled, if it takes such a one back: see `withFilter`. */
  readonly filterOf?: (id: string) => string
  /** Forgets a container whose processes are gone; its control group is the caller's. */
  forget(id: string): void
}

const directories = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** Where a program is installed. @throws EngineError `broken` naming what to install */
export function findProgram(name: string): string {
  const path = locateProgram(name)
  if (path === undefined)
    throw new EngineError('broken', `${name} is not installed: install the Debian package ${name}`)
  return path
}

export function locateProgram(name: string): string | undefined {
  return directories
    .map((dir) => join(dir, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

/** The runtimes this engine can drive, the faster first. */
export const runtimeNames = ['crun', 'runc'] as const

/** What Docker's clients call a runtime: the programs, and how containerd calls the second. */
const knownNames: readonly string[] = [...runtimeNames, 'io.containerd.runc.v2']

/**
 * The runtimes that a container may be made for, name to path. One that is not installed stands for the engine's own: clients
 * name `runc` for Docker's usual, as compose files do.
 */
export function runtimesOf(usual: Pick<Driver, 'path'>, locate = locateProgram): ReadonlyMap<string, string> {
  return new Map(knownNames.map((name) => [name, locate(name) ?? usual.path]))
}

/**
 * Chooses the runtime by looking: crun, twice as fast, where it is installed, else runc.
 * @param root where the runtime keeps its state; volatile
 */
export function chooseDriver(root: string): Driver {
  const [best = 'runc'] = runtimeNames.filter((name) => locateProgram(name) !== undefined)
  return makers[best](findProgram(best), root)
}

/** The runtime of a name, with its state where `usual` has it; `usual` itself for '' or one that is not installed (any more), see `runtimesOf`. */
export function driverNamed(name: string, usual: Driver): Driver {
  const known = runtimeNames.find((runtime) => runtime === name)
  const path = known === undefined || known === usual.name ? undefined : locateProgram(known)
  return known === undefined || path === undefined ? usual : makers[known](path, usual.root)
}

const common = (root: string): Pick<Driver, 'root' | 'forget' | 'waits'> => ({
  root,
  forget: (id) => rmSync(join(root, id), { recursive: true, force: true }),
  waits: (id) => existsSync(join(root, id, 'exec.fifo')),
})

const makers: Readonly<Record<Driver['name'], (path: string, root: string) => Driver>> = {
  crun: (path, root) => ({
    ...common(root),
    name: 'crun',
    path,
    args: ['--root', root, '--cgroup-manager', 'cgroupfs'],
    filterOf: (id) => join(root, id, 'seccomp.bpf'),
    // what `crun start` does, without the 9 ms of an exec: the container's init waits on the other end
    start: async (id) => {
      const path = join(root, id, 'exec.fifo')
      const fifo = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
      try {
        writeSync(fifo, '0')
      } finally {
        closeSync(fifo)
      }
      unlinkSync(path)
      return Promise.resolve()
    },
  }),
  runc: (path, root) => ({
    ...common(root),
    name: 'runc',
    path,
    args: ['--root', root],
    start: async (id) => {
      await promisify(execFile)(path, ['--root', root, 'start', id])
    },
  }),
}
