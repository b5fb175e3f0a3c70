import { closeSync } from 'node:fs'
import { hostname } from 'node:os'
import { EngineError } from '../errors.js'
import type { Mount } from '../records.js'
import { capabilitiesOf } from '../runtime/capabilities.js'
import { locateProgram } from '../runtime/driver.js'
import { openDirectory } from '../runtime/rootfs.js'
import type { Command, Sandbox } from '../runtime/sandbox.js'
import { lookUpUser } from '../runtime/users.js'
import type { Container, Shop } from './container.js'
import { linkedVariables } from './links.js'
import { deviceRulesOf, devicesOf } from './devices.js'
import { limitsOf, rlimitsOf } from './limits.js'
import { namespacesOf } from './namespaces.js'
import type { ContainerConfig, HostConfig } from './record.js'
import { mergeEnv } from './request.js'
import { securityOf } from './security.js'

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const initTarget = '/sbin/docker-init'

const list = (host: HostConfig, name: string): string[] => ((host[name] ?? []) as readonly unknown[]).map(String)
export const hostnameOf = ({ id, record: { config, hostConfig } }: Container): string =>
  hostConfig.UTSMode === 'host' ? hostname() : config.Hostname || id.slice(0, 12)

/** The program and its arguments, as Docker shows them. */
export const argsOf = ({ Entrypoint, Cmd }: ContainerConfig): string[] => [...(Entrypoint ?? []), ...(Cmd ?? [])]

/** What a process in the container runs with. `rootfs` is where its files can be seen. */
export function commandOf(
  container: Container,
  rootfs: string,
  own: Partial<{
    args: string[]
    env: readonly string[]
    cwd: string
    user: string
    tty: boolean
    privileged: boolean
  }>,
): Command {
  const { config, hostConfig } = container.record
  const { user, home } = lookUpUser(rootfs, own.user || config.User, list(hostConfig, 'GroupAdd'))
  const tty = own.tty ?? config.Tty
  const given = mergeEnv(config.Env, own.env ?? [])
  const base = [defaultPath, `HOSTNAME=${hostnameOf(container)}`, `HOME=${home}`, ...(tty ? ['TERM=xterm'] : [])]
  const privileged = hostConfig.Privileged === true || own.privileged === true
  return {
    args: own.args ?? argsOf(config),
    env: mergeEnv(base, given),
    cwd: own.cwd || config.WorkingDir || '/',
    user,
    tty,
    capabilities: capabilitiesOf(list(hostConfig, 'CapAdd'), list(hostConfig, 'CapDrop'), privileged),
    noNewPrivileges: securityOf(hostConfig).noNewPrivileges,
  }
}

/** The init put in front of a container's program when asked for; undefined when this host has none. */
export const findInit = (): string | undefined =>
  ['catatonit', 'tini-static', 'tini', 'docker-init'].map(locateProgram).find((found) => found !== undefined)

function initOf(host: HostConfig): { program: string[]; mounts: Mount[] } {
  if (host.Init !== true) return { program: [], mounts: [] }
  const path = findInit()
  if (path === undefined)
    throw new EngineError('invalid', 'no init is installed for --init: install the Debian package catatonit')
  const mounts: Mount[] = [{ type: 'bind', source: path, target: initTarget, options: ['bind', 'ro'] }]
  return { program: [initTarget, '--'], mounts }
}

/** @throws EngineError `invalid`: there is no driver for any */
function refuseGpus({ DeviceRequests }: HostConfig): void {
  const [first] = (DeviceRequests ?? []) as readonly {
    Driver?: string
    Capabilities?: readonly (readonly string[])[]
  }[]
  if (!first) return
  const wanted = (first.Capabilities ?? []).map((all) => `[${all.join(' ')}]`).join(' ')
  throw new EngineError(
    'invalid',
    `could not select device driver "${first.Driver ?? ''}" with capabilities: [${wanted}]`,
  )
}

/** `--security-opt systempaths=unconfined` sends empty lists; null is the usual ones. */
function pathsOf({ MaskedPaths, ReadonlyPaths }: HostConfig): Pick<Sandbox, 'maskedPaths' | 'readonlyPaths'> {
  return {
    ...(Array.isArray(MaskedPaths) ? { maskedPaths: MaskedPaths.map(String) } : {}),
    ...(Array.isArray(ReadonlyPaths) ? { readonlyPaths: ReadonlyPaths.map(String) } : {}),
  }
}

/** Describes a container to the runtime. `rootfs` is its mounted root, `mounts` its own. @throws EngineError `invalid` */
export function sandboxOf(shop: Shop, container: Container, rootfs: string, mounts: readonly Mount[]): Sandbox {
  const { config, hostConfig } = container.record
  // whoever shares a network shares what is said of it
  const shared = /^container:(.+)$/.exec(hostConfig.NetworkMode)?.[1]
  const places = shop.store.places(shared === undefined ? container.id : shop.find(shared).id)
  const init = initOf(hostConfig)
  const command = commandOf(container, rootfs, {})
  const [height, width] = (hostConfig.ConsoleSize ?? []) as readonly number[]
  const { namespaces, shm } = namespacesOf(shop, container)
  const { network, uts } = namespaces
  refuseGpus(hostConfig)
  const bind = (source: string, target: string): Mount => ({
    type: 'bind',
    source,
    target,
    options: ['bind', 'rw', 'rprivate'],
  })
  const names = [
    bind(places.resolvConf, '/etc/resolv.conf'),
    bind(places.hostname, '/etc/hostname'),
    bind(places.hosts, '/etc/hosts'),
  ].filter(({ target }) => !mounts.some((point) => point.target === target))
  closeSync(openDirectory(rootfs, command.cwd))
  const ownSysctls = (hostConfig.Sysctls ?? {}) as Readonly<Record<string, string>>
  return {
    id: container.id,
    command: {
      ...command,
      env: mergeEnv(linkedVariables(shop, container), command.env),
      args: [...init.program, ...command.args],
      ...(height && width ? { consoleSize: [height, width] as const } : {}),
    },
    rootfs,
    readonlyRootfs: hostConfig.ReadonlyRootfs === true,
    hostname: uts === 'own' ? hostnameOf(container) : '',
    mounts: [...names, ...init.mounts, ...mounts],
    namespaces,
    shm,
    privileged: hostConfig.Privileged === true,
    seccomp: securityOf(hostConfig).seccomp,
    ...pathsOf(hostConfig),
    ...(hostConfig.Annotations ? { annotations: hostConfig.Annotations as Record<string, string> } : {}),
    cgroupPath: container.cgroup(shop).path,
    limits: limitsOf(hostConfig),
    rlimits: rlimitsOf(hostConfig),
    sysctls: {
      ...(network === 'own'
        ? { 'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': '0 2147483647' }
        : {}),
      // runtimes of today know no other way
      ...(uts === 'own' && config.Domainname !== '' ? { 'kernel.domainname': config.Domainname } : {}),
      ...ownSysctls,
    },
    shmSize: typeof hostConfig.ShmSize === 'number' ? hostConfig.ShmSize : 67108864,
    devices: devicesOf(hostConfig),
    deviceRules: deviceRulesOf(hostConfig),
    ...(hostConfig.OomScoreAdj ? { oomScoreAdj: hostConfig.OomScoreAdj as number } : {}),
  }
}
