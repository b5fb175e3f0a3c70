import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { cloneMount, mapOwners } from '../kernel/mount-tree.js'

/** User and group ids of a container: 0 to 65535 there are `first` and those after it on the host. */
export interface IdRange {
  readonly first: number
}

/** Ids that a container has. */
export const idCount = 65_536

/** The ids of a process's user namespace; undefined when it is the engine's own, or the process is gone. */
export function rangeOf(pid: number): IdRange | undefined {
  let map: string
  try {
    map = readFileSync(`/proc/${String(pid)}/uid_map`, 'utf8')
  } catch {
    return undefined
  }
  // user_namespaces(7): inside, outside, length
  const [, first, length] = map.split('\n')[0]?.trim().split(/\s+/).map(Number) ?? []
  return first === undefined || length !== idCount ? undefined : { first }
}

/**
 * The user namespaces that mounts are mapped through: one a range, made when first asked for and kept. None of them has
 * a process in it.
 */
export class IdMaps {
  readonly #made = new Map<number, Promise<number>>()

  /** @returns a descriptor that stays this object's */
  of({ first }: IdRange): Promise<number> {
    const made = this.#made.get(first) ?? makeNamespace(first)
    this.#made.set(first, made)
    made.catch(() => this.#made.delete(first)) // told to whoever asked
    return made
  }

  /** Why mounts of what lies at `path` cannot be mapped on this host; undefined when they can. */
  async obstacle(range: IdRange, path: string): Promise<Error | undefined> {
    try {
      const namespace = await this.of(range)
      const mount = cloneMount(path, false)
      try {
        mapOwners(mount, namespace, false)
      } finally {
        closeSync(mount)
      }
      return undefined
    } catch (error) {
      return error as Error
    }
  }
}

async function makeNamespace(first: number): Promise<number> {
  // clone(2) of a program of many threads is not to be had: a short-lived one makes it
  const child = spawn('unshare', ['--user', '--', 'sh', '-c', 'echo; read -r _'], { stdio: ['pipe', 'pipe', 'ignore'] })
  const gone = once(child, 'exit')
  try {
    await Promise.race([
      once(child.stdout, 'data'),
      gone.then(() => Promise.reject(new Error('this kernel lets nobody make a user namespace'))),
    ])
    // The id after the last stands for the host's root: overlayfs makes whiteouts and its work directory as whoever
    // mounts it, and turns read-only without a word when that one has no id. No process has it.
    const map = `0 ${String(first)} ${String(idCount)}\n${String(idCount)} 0 1\n`
    const place = `/proc/${String(child.pid)}`
    await writeFile(`${place}/uid_map`, map)
    await writeFile(`${place}/gid_map`, map)
    return openSync(`${place}/ns/user`, 'r')
  } finally {
    child.kill('SIGKILL')
    await gone.catch(() => undefined) // where it could not be started it never was
  }
}
