import { readlinkSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { EngineConfig } from '../config.js'
import { EngineError } from '../errors.js'
import { rangeOf } from '../system/id-map.js'
import type { Namespace, Sandbox, UserNamespace } from '../runtime/sandbox.js'
import { bundleOf, type Container, type Shop } from './container.js'
import type { HostConfig } from './record.js'

const invalid = (message: string): EngineError => new EngineError('invalid', message)
const modeOf = (host: HostConfig, name: string): string => (typeof host[name] === 'string' ? host[name] : '')
const partOf = (mode: string): string | undefined => /^container:(.*)$/s.exec(mode)?.[1]

/** The modes that a `HostConfig` may name, but for `container:` */
const modes = {
  PidMode: ['', 'private', 'host'],
  UTSMode: ['', 'private', 'host'],
  UsernsMode: ['', 'private', 'host'],
  IpcMode: ['', 'none', 'private', 'shareable', 'host'],
  CgroupnsMode: ['', 'private', 'host'],
} as const
const words = {
  PidMode: 'PID',
  UTSMode: 'UTS',
  UsernsMode: 'user namespace',
  IpcMode: 'IPC',
  CgroupnsMode: 'cgroup namespace',
} as const

/** Refuses namespaces that are not there to be shared. @throws EngineError `invalid`, `missing` "No such container: x" */
export function checkNamespaces(shop: Pick<Shop, 'find'>, host: HostConfig, hostname: string): void {
  for (const [name, known] of Object.entries(modes) as [keyof typeof modes, readonly string[]][]) {
    const mode = modeOf(host, name)
    const other = name === 'PidMode' || name === 'IpcMode' ? partOf(mode) : undefined
    if (other) shop.find(other)
    else if (!known.includes(mode)) throw invalid(`invalid ${words[name]} mode: ${mode}`)
  }
  if (hostname === '') return
  if (modeOf(host, 'UTSMode') === 'host') throw invalid('conflicting options: hostname and the UTS mode')
}

/** A container of the namespace's own, or the one whose it is to share. @throws EngineError `conflict` */
function sharedWith(shop: Pick<Shop, 'find'>, mode: string, what: string): Container | undefined {
  const name = partOf(mode)
  if (name === undefined) return undefined
  const other = shop.find(name)
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
export const sharedShmOf = (shop: Pick<Shop, 'config'>, container: Container): string =>
  `${bundleOf(shop.config, container.id)}/shm`

/** Whose namespaces a container runs in. @throws EngineError `conflict` when one that it is to share does not run */
export function namespacesOf(
  shop: Pick<Shop, 'find' | 'config'>,
  container: Container,
): Pick<Sandbox, 'namespaces' | 'shm'> {
  const host = container.record.hostConfig
  const of = (mode: string, kind: string, what: string): Namespace => {
    const other = sharedWith(shop, mode, what)
    return other ? pathOf(other, kind) : mode === 'host' ? 'host' : 'own'
  }
  const ipcMode = modeOf(host, 'IpcMode')
  const donor = sharedWith(shop, ipcMode, 'IPC')
  if (donor && modeOf(donor.record.hostConfig, 'IpcMode') !== 'shareable')
    throw new EngineError(
      'conflict',
      `cannot join IPC of container ${donor.id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
    )
  if (donor && !existsSharedShm(sharedShmOf(shop, donor)))
    throw new EngineError(
      'conflict',
      `cannot join IPC of container ${donor.id}: restart it, the engine was restarted since`,
    )
  const shared = donor ?? (ipcMode === 'shareable' ? container : undefined)
  return {
    namespaces: {
      network: of(host.NetworkMode, 'net', 'network'),
      pid: of(modeOf(host, 'PidMode'), 'pid', 'PID'),
      uts: of(modeOf(host, 'UTSMode'), 'uts', 'UTS'),
      ipc: donor ? pathOf(donor, 'ipc') : ipcMode === 'host' ? 'host' : 'own',
      cgroup: modeOf(host, 'CgroupnsMode') === 'private' ? 'own' : 'host',
    },
    shm: shared
      ? { path: sharedShmOf(shop, shared) }
      : ipcMode === 'host'
        ? { path: '/dev/shm' }
        : ipcMode === 'none'
          ? 'none'
          : 'own',
  }
}

/** What asks for the host's user namespace. @throws EngineError `denied` naming the setting that refuses it */
export function refuseDenied({ deny = {} }: Pick<EngineConfig, 'deny'>, host: HostConfig): void {
  const refuse = (what: string, option: string, setting: string): EngineError =>
    new EngineError('denied', `${what} is not allowed: this engine runs with ${option} (${setting})`)
  if (host.Privileged === true && deny.privileged)
    throw refuse('--privileged', '--deny-privileged', 'BERTH_DENY_PRIVILEGED')
  if (!deny.hostUserns) return
  for (const [what, asked] of [
    ['--privileged', host.Privileged === true],
    ['--userns=host', host.UsernsMode === 'host'],
  ] as const)
    if (asked) throw refuse(what, '--deny-host-userns', 'BERTH_DENY_HOST_USERNS')
}

/** How a container asks for a range of ids that no container of another name has. */
export const rangeAnnotation = 'berth.userns'

/** The name that a container asks for a range by. @throws EngineError `invalid` */
export function rangeNameOf(host: HostConfig): string | undefined {
  const name = ((host.Annotations ?? {}) as Readonly<Record<string, string>>)[rangeAnnotation]
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
  shop: Pick<Shop, 'find' | 'all' | 'config' | 'ids'>,
  container: Container,
): Promise<UserNamespace> {
  const host = container.record.hostConfig
  refuseDenied(shop.config, host)
  if (host.Privileged === true || host.UsernsMode === 'host' || shop.ids === undefined) return 'host'
  const donors = [
    sharedWith(shop, host.NetworkMode, 'network'),
    sharedWith(shop, modeOf(host, 'PidMode'), 'PID'),
    sharedWith(shop, modeOf(host, 'IpcMode'), 'IPC'),
  ].filter((donor) => donor !== undefined)
  const [first] = donors
  if (!first) {
    const name = rangeNameOf(host)
    const names = (): ReadonlySet<string> =>
      new Set(shop.all().flatMap(({ record }) => rangeNameOf(record.hostConfig) ?? []))
    return shop.ids.of(name === undefined ? 'containers' : `name:${name}`, names)
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
