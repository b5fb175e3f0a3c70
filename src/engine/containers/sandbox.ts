import { closeSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { EngineConfig } from '../config.js'
import { EngineError } from '../errors.js'
import type { Mount } from '../records.js'
import { capabilitiesOf } from '../runtime/capabilities.js'
import { locateProgram } from '../runtime/driver.js'
import { openDirectory } from '../runtime/rootfs.js'
import type { Command, Sandbox } from '../runtime/sandbox.js'
import type { Staging } from '../runtime/mount-staging.js'
import { demandMapped, lookUpUser } from '../runtime/users.js'
import type { Container, Shop } from './container.js'
import { kernelSettingsOf } from './kernel-settings.js'
import { linkedVariables } from './links.js'
import { deviceRulesOf, devicesOf } from './devices.js'
import { limitsOf, rlimitsOf } from './limits.js'
import { namespacesOf } from './namespaces.js'
import type { ContainerConfig, HostConfig } from './record.js'
import { mergeEnv, setEnv } from './request.js'
import { securityOf } from './security.js'

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const initTarget = '/sbin/docker-init'
/** By this file programs tell that they run in a container, as Docker has it. */
const markTarget = '/.dockerenv'

/** The empty file that is mounted there. */
export const containerMark = ({ run }: Pick<EngineConfig, 'run'>): string => join(run, 'dockerenv')

const list = (host: HostConfig, name: string): string[] => ((host[name] ?? []) as readonly unknown[]).map(String)
export const hostnameOf = ({ id, record: { config, hostConfig } }: Container): string =>
  hostConfig.UTSMode === 'host' ? hostname() : config.Hostname || id.slice(0, 12)

/** The program and its arguments, as Docker shows them. */
export const argsOf = ({ Entrypoint, Cmd }: ContainerConfig): string[] => [...(Entrypoint ?? []), ...(Cmd ?? [])]

/**
 * What a process in the container runs with. `rootfs` is where its files can be seen. Where the client says nothing of it,
 * nobody in a container gains privileges of whose image no program gives any.
 */
export function commandOf(
  shop: Shop,
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
  const { image, config, hostConfig } = container.record
  const { user, home } = lookUpUser(rootfs, own.user || config.User, list(hostConfig, 'GroupAdd'))
  const tty = own.tty ?? config.Tty
  const given = mergeEnv(config.Env, own.env ?? [])
  const base = [
    ...[defaultPath, `HOSTNAME=${hostnameOf(container)}`, `HOME=${home}`, ...(tty ? ['TERM=xterm'] : [])],
    ...linkedVariables(shop, container),
  ]
  const privileged = hostConfig.Privileged === true || own.privileged === true
  return {
    args: own.args ?? argsOf(config),
    env: setEnv(mergeEnv(base, given)),
    cwd: own.cwd || config.WorkingDir || '/',
    user,
    tty,
    capabilities: capabilitiesOf(list(hostConfig, 'CapAdd'), list(hostConfig, 'CapDrop'), privileged),
    noNewPrivileges: securityOf(hostConfig).noNewPrivileges ?? (!privileged && !shop.images.elevates(image)),
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

/** What was made ready for a container. */
export interface Prepared extends Pick<Sandbox, 'rootfs' | 'users'> {
  /** Those that were asked for. */
  readonly mounts: readonly Mount[]
  /** For what every container mounts. */
  readonly staging: Staging
}

/** Describes a container to the runtime. @throws EngineError `invalid` */
export function sandboxOf(shop: Shop, container: Container, prepared: Prepared): Sandbox {
  const { rootfs, users, mounts, staging } = prepared
  const { hostConfig } = container.record
  // whoever shares a network shares what is said of it
  const shared = /^container:(.+)$/.exec(hostConfig.NetworkMode)?.[1]
  const places = shop.store.places(shared === undefined ? container.id : shop.find(shared).id)
  const init = initOf(hostConfig)
  const command = commandOf(shop, container, rootfs, {})
  const [height, width] = (hostConfig.ConsoleSize ?? []) as readonly number[]
  const { namespaces, shm } = namespacesOf(shop, container)
  demandMapped(command.user, users)
  refuseGpus(hostConfig)
  const bind = (source: string, target: string): Mount => ({
    type: 'bind',
    source: staging.bind(source),
    target,
    options: ['bind', 'rw', 'rprivate'],
  })
  const names = Object.entries({
    [markTarget]: containerMark(shop.config),
    '/etc/resolv.conf': places.resolvConf,
    '/etc/hostname': places.hostname,
    '/etc/hosts': places.hosts,
  })
    .filter(([target]) => !mounts.some((point) => point.target === target))
    .map(([target, source]) => bind(source, target))
  closeSync(openDirectory(rootfs, command.cwd, users === 'host' ? 0 : users.first))
  const devices = devicesOf(hostConfig)
  // nobody makes a device node in a user namespace
  const nodes = (users === 'host' ? [] : devices).map(({ path, type, major, minor, mode }): Mount => ({
    type: 'bind',
    source: staging.device(type, major, minor, mode),
    target: path,
    options: ['bind', 'rw', 'nosuid', 'noexec'],
  }))
  return {
    id: container.id,
    command: {
      ...command,
      args: [...init.program, ...command.args],
      ...(height && width ? { consoleSize: [height, width] as const } : {}),
    },
    rootfs,
    readonlyRootfs: hostConfig.ReadonlyRootfs === true,
    hostname: namespaces.uts === 'own' ? hostnameOf(container) : '',
    mounts: [...names, ...init.mounts, ...nodes, ...mounts],
    namespaces,
    users,
    shm: typeof shm === 'object' && users !== 'host' ? { path: staging.bind(shm.path) } : shm,
    privileged: hostConfig.Privileged === true,
    seccomp: securityOf(hostConfig).seccomp,
    ...pathsOf(hostConfig),
    ...(hostConfig.Annotations ? { annotations: hostConfig.Annotations as Record<string, string> } : {}),
    cgroupPath: container.cgroup(shop).path,
    limits: limitsOf(hostConfig),
    rlimits: rlimitsOf(hostConfig),
    sysctls: kernelSettingsOf(container.record, { users, namespaces }).runtime,
    shmSize: typeof hostConfig.ShmSize === 'number' ? hostConfig.ShmSize : 67108864,
    devices,
    deviceRules: deviceRulesOf(hostConfig),
    ...(hostConfig.OomScoreAdj ? { oomScoreAdj: hostConfig.OomScoreAdj as number } : {}),
  }
}
