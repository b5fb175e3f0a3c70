import { readFile } from 'node:fs/promises'
import { EngineError } from '../errors.js'

const below = (path: string, top: string): boolean => path === top || path.startsWith(top === '/' ? '/' : `${top}/`)

/** A bind of all that is the engine's, or of a part of it. */
const hasEngines = (source: string, root: string): boolean => below(source, root) || below(root, source)

/**
 * How mounts pass between the host and a bind. What an engine unmounts below its root must be unmounted in a container that
 * has it as well, or it can never be removed: as with dockerd such a bind is `rslave` unless it says otherwise.
 * @param asked '' is the default. @throws EngineError `invalid`
 */
export function propagationOf(asked: string, source: string, root: string): string {
  if (!hasEngines(source, root)) return asked || 'rprivate'
  if (asked === '' || asked === 'rslave' || asked === 'rshared') return asked || 'rslave'
  throw new EngineError(
    'invalid',
    `invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root, daemon root: "${root}", bind mount source: "${source}", propagation: "${asked}"`,
  )
}

/** @throws EngineError `broken` where the host does not share what a bind is to pass on or take in */
export async function demandPeers(propagation: string, source: string, root: string): Promise<void> {
  if (propagation.endsWith('shared')) await demand(source, /^shared:/, 'a shared mount')
  // nobody may have asked for it, and a host that shares nothing has nothing to take in
  if (propagation.endsWith('slave') && !hasEngines(source, root))
    await demand(source, /^(shared|master):/, 'a shared or slave mount')
}

/** proc_pid_mountinfo(5): the optional fields tell whom a mount shares its mounts with. */
async function demand(source: string, wanted: RegExp, what: string): Promise<void> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').map((line) => line.split(' '))
  const [nearest] = mounts
    .filter(([, , , , place]) => place !== undefined && below(source, place))
    .sort(([, , , , a = ''], [, , , , b = '']) => b.length - a.length)
  const peers = nearest?.slice(6, nearest.indexOf('-')) ?? []
  if (peers.some((peer) => wanted.test(peer))) return
  throw new EngineError('broken', `path ${source} is mounted on ${nearest?.[4] ?? '/'} but it is not ${what}`)
}
