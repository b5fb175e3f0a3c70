import { closeSync } from 'node:fs'
import { EngineError } from '../errors.js'
import type { Mount } from '../records.js'
import { capabilitiesOf } from '../runtime/capabilities.js'
import { locateProgram } from '../runtime/driver.js'
import { openDirectory } from '../runtime/rootfs.js'
import type { Command, Namespace, Sandbox } from '../runtime/sandbox.js'
import { lookUpUser } from '../runtime/users.js'
import type { Container, Shop } from './container.js'
import { linkedVariables } from './links.js'
import { devicesOf, limitsOf, rlimitsOf } from './limits.js'
import type { ContainerConfig, HostConfig } from './record.js'
import { mergeEnv } from './request.js'

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const initTarget = '/sbin/docker-init'

const list = (host: HostConfig, name: string): string[] => ((host[name] ?? []) as readonly unknown[]).map(String)
export const hostnameOf = (container: Container): string =>
  container.record.config.Hostname || container.id.slice(0, 12)

/** The program and its arguments, as Docker shows them. */
export const argsOf = ({ Entrypoint, Cmd }: ContainerConfig): string[] => [...(Entrypoint ?? []), ...(Cmd ?? [])]

/** Docker's `--security-opt`s, those that this engine knows. @throws EngineError `invalid` */
export function securityOf(host: HostConfig): { seccomp: boolean; noNewPrivileges: boolean } {
  let seccomp = host.Privileged !== true
  let noNewPrivileges = false
  for (const option of list(host, 'SecurityOpt')) {
    const [key = '', value = ''] = option.split(/[=:]/)
    if (key === 'seccomp' && value === 'unconfined') seccomp = false
    else if (key === 'no-new-privileges') noNewPrivileges = value !== 'false'
    else if (!['label', 'apparmor', 'systempaths'].includes(key))
      throw new EngineError('invalid', `invalid --security-opt: "${option}"`)
  }
  return { seccomp, noNewPrivileges }
}

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

function networkOf(shop: Shop, mode: string): Namespace {
  if (mode === 'host') return 'host'
  if (!mode.startsWith('container:')) return 'own'
  const other = shop.find(mode.slice('container:'.length))
  if (!other.up) throw new EngineError('conflict', `cannot join network of a non running container: ${other.id}`)
  return { path: `/proc/${other.record.state.pid}/ns/net` }
}

function ipcOf(shop: Shop, host: HostConfig): Namespace {
  const mode = typeof host.IpcMode === 'string' ? host.IpcMode : ''
  if (mode === 'host') return 'host'
  if (!mode.startsWith('container:')) return 'own'
  return { path: `/proc/${shop.find(mode.slice('container:'.length)).record.state.pid}/ns/ipc` }
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
  const network = networkOf(shop, hostConfig.NetworkMode)
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
    hostname: hostnameOf(container),
    domainname: config.Domainname,
    mounts: [...names, ...init.mounts, ...mounts],
    network,
    ipc: ipcOf(shop, hostConfig),
    privileged: hostConfig.Privileged === true,
    seccomp: securityOf(hostConfig).seccomp,
    cgroupPath: container.cgroup(shop).path,
    limits: limitsOf(hostConfig),
    rlimits: rlimitsOf(hostConfig),
    sysctls:
      network === 'own'
        ? { 'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': '0 2147483647', ...ownSysctls }
        : ownSysctls,
    shmSize: typeof hostConfig.ShmSize === 'number' ? hostConfig.ShmSize : 67108864,
    devices: devicesOf(hostConfig),
    ...(hostConfig.OomScoreAdj ? { oomScoreAdj: hostConfig.OomScoreAdj as number } : {}),
  }
}
