import { readlinkSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { EngineConfig } from '../config.js'
import { EngineError } from '../errors.js'
import { rangeOf } from '../system/id-map.js'
import type { Namespace, Sandbox, UserNamespace } from '../runtime/sandbox.js'
import { bundleOf, type Container, type ContainerDeps } from './container.js'
import type { RunSpec } from './run-spec.js'

const invalid = (message: string): EngineError => new EngineError('invalid', message)
const partOf = (mode: string): string | undefined => /^container:(.*)$/s.exec(mode)?.[1]

/** The modes that a namespace may have, but for `container:`, and what messages call it. */
const modes = {
  pidMode: { known: ['', 'private', 'host'], called: 'PID' },
  utsMode: { known: ['', 'private', 'host'], called: 'UTS' },
  usernsMode: { known: ['', 'private', 'host'], called: 'user namespace' },
  ipcMode: { known: ['', 'none', 'private', 'shareable', 'host'], called: 'IPC' },
  cgroupnsMode: { known: ['', 'private', 'host'], called: 'cgroup namespace' },
} as const
const namespaces = Object.keys(modes) as (keyof typeof modes)[]

/** Refuses namespaces that are not there to be shared. @throws EngineError `invalid`, `missing` "No such container: x" */
export function checkNamespaces(deps: Pick<ContainerDeps, 'find'>, run: RunSpec, hostname: string): void {
  for (const name of namespaces) {
    const { known, called } = modes[name]
    const other = name === 'pidMode' || name === 'ipcMode' ? partOf(run[name]) : undefined
    if (other) deps.find(other)
    else if (!known.some((mode) => mode === run[name])) throw invalid(`invalid ${called} mode: ${run[name]}`)
  }
  if (hostname !== '' && run.utsMode === 'host') throw invalid('conflicting options: hostname and the UTS mode')
}

/** A container of the namespace's own, or the one whose it is to share. @throws EngineError `conflict` */
function sharedWith(deps: Pick<ContainerDeps, 'find'>, mode: string, what: string): Container | undefined {
  const name = partOf(mode)
  if (name === undefined) return undefined
  const other = deps.find(name)
  if (other.record.state.status === 'restarting')
    throw new EngineError('conflict', `Container ${other.id} is restarting, wait until the container is running`)
  if (!other.up) throw new EngineError('conflict', `cannot join ${what} of a non running container: ${other.id}`)
  return other
}

const pathOf = (container: Container, kind: string): Namespace => ({
  path: `/proc/${container.record.state.pid}/ns/${kind}`,
})

/** The mount is the engine's, and goes with it. */
const existsSharedShm = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.dev !== statSync(dirname(path)).dev

/** Where the engine keeps what a container may share of its /dev/shm. */
export const sharedShmOf = (deps: Pick<ContainerDeps, 'config'>, container: Container): string =>
  `${bundleOf(deps.config, container.id)}/shm`

/** Whose namespaces a container runs in. @throws EngineError `conflict` when one that it is to share does not run */
export function namespacesOf(
  deps: Pick<ContainerDeps, 'find' | 'config'>,
  container: Container,
): Pick<Sandbox, 'namespaces' | 'shm'> {
  const { run } = container
  const of = (mode: string, kind: string, what: string): Namespace => {
    const other = sharedWith(deps, mode, what)
    return other ? pathOf(other, kind) : mode === 'host' ? 'host' : 'own'
  }
  const { ipcMode } = run
  const donor = sharedWith(deps, ipcMode, 'IPC')
  if (donor && donor.run.ipcMode !== 'shareable')
    throw new EngineError(
      'conflict',
      `cannot join IPC of container ${donor.id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
    )
  if (donor && !existsSharedShm(sharedShmOf(deps, donor)))
    throw new EngineError(
      'conflict',
      `cannot join IPC of container ${donor.id}: restart it, the engine was restarted since`,
    )
  const shared = donor ?? (ipcMode === 'shareable' ? container : undefined)
  return {
    namespaces: {
      network: of(run.networkMode, 'net', 'network'),
      pid: of(run.pidMode, 'pid', 'PID'),
      uts: of(run.utsMode, 'uts', 'UTS'),
      ipc: donor ? pathOf(donor, 'ipc') : ipcMode === 'host' ? 'host' : 'own',
      cgroup: run.cgroupnsMode === 'private' ? 'own' : 'host',
    },
    shm: shared
      ? { path: sharedShmOf(deps, shared) }
      : ipcMode === 'host'
        ? { path: '/dev/shm' }
        : ipcMode === 'none'
          ? 'none'
          : 'own',
  }
}

/** What asks for the host's user namespace. @throws EngineError `denied` naming the setting that refuses it */
export function refuseDenied(
  { deny = {} }: Pick<EngineConfig, 'deny'>,
  { privileged, usernsMode }: Pick<RunSpec, 'privileged' | 'usernsMode'>,
): void {
  const refuse = (what: string, option: string, setting: string): EngineError =>
    new EngineError('denied', `${what} is not allowed: this engine runs with ${option} (${setting})`)
  if (privileged && deny.privileged) throw refuse('--privileged', '--deny-privileged', 'BERTH_DENY_PRIVILEGED')
  if (!deny.hostUserns) return
  for (const [what, asked] of [
    ['--privileged', privileged],
    ['--userns=host', usernsMode === 'host'],
  ] as const)
    if (asked) throw refuse(what, '--deny-host-userns', 'BERTH_DENY_HOST_USERNS')
}

/** How a container asks for a range of ids that no container of another name has. */
const rangeAnnotation = 'berth.userns'

/** The name that a container asks for a range by. @throws EngineError `invalid` */
export function rangeNameOf({ annotations }: Pick<RunSpec, 'annotations'>): string | undefined {
  const name = annotations[rangeAnnotation]
  if (name !== undefined && !/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(name))
    throw invalid(`invalid annotation ${rangeAnnotation}: "${name}" is not a name of letters, digits, "_", "." and "-"`)
  return name
}

/**
 * The user namespace that a container runs in. Whoever shares another's namespace shares its users too: the kernel asks
 * who owns a namespace of whoever would use it.
 * @throws EngineError `conflict`, `denied`, `invalid`
 */
export async function usersOf(
  deps: Pick<ContainerDeps, 'find' | 'all' | 'config' | 'ids'>,
  container: Container,
): Promise<UserNamespace> {
  const { run } = container
  refuseDenied(deps.config, run)
  if (run.privileged || run.usernsMode === 'host' || deps.ids === undefined) return 'host'
  const donors = [
    sharedWith(deps, run.networkMode, 'network'),
    sharedWith(deps, run.pidMode, 'PID'),
    sharedWith(deps, run.ipcMode, 'IPC'),
  ].filter((donor) => donor !== undefined)
  const [first] = donors
  if (!first) {
    const name = rangeNameOf(run)
    const names = (): ReadonlySet<string> => new Set(deps.all().flatMap(({ run }) => rangeNameOf(run) ?? []))
    return deps.ids.of(name === undefined ? 'containers' : `name:${name}`, names)
  }
  const namespaceOf = ({ record }: Container): string => readlinkSync(`/proc/${record.state.pid}/ns/user`)
  const other = donors.find((donor) => namespaceOf(donor) !== namespaceOf(first))
  if (other)
    throw new EngineError(
      'conflict',
      `cannot join namespaces of ${first.id} and ${other.id}: each has a user namespace of its own; ` +
        'have one of them join the other, or run them with --userns=host',
    )
  const range = rangeOf(first.record.state.pid)
  return range ? { ...range, path: `/proc/${first.record.state.pid}/ns/user` } : 'host'
}
