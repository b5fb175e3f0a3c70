import { closeSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { EngineConfig } from '../config.js'
import { EngineError } from '../errors.js'
import type { Mount } from '../records.js'
import { capabilitiesOf } from '../runtime/capabilities.js'
import { locateProgram } from '../runtime/driver.js'
import { openDirectory } from '../runtime/rootfs.js'
import type { SandboxCommand, Sandbox } from '../runtime/sandbox.js'
import type { MountStaging } from '../runtime/mount-staging.js'
import { demandMapped, lookUpUser } from '../runtime/users.js'
import type { Container, ContainerDeps } from './container.js'
import { kernelSettingsOf } from './kernel-settings.js'
import { linkedVariables } from './links.js'
import { deviceRulesOf, devicesOf } from './devices.js'
import { limitsOf, rlimitsOf } from './limits.js'
import { namespacesOf } from './namespaces.js'
import type { ContainerConfig } from './record.js'
import { mergeEnv, setEnv } from './request.js'
import type { RunSpec } from './run-spec.js'
import { securityOf } from './security.js'

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const initTarget = '/sbin/docker-init'
/** By this file programs tell that they run in a container, as Docker has it. */
const markTarget = '/.dockerenv'

/** The empty file that is mounted there. */
export const containerMark = ({ run }: Pick<EngineConfig, 'run'>): string => join(run, 'dockerenv')

export const hostnameOf = ({ id, run, record: { config } }: Container): string =>
  run.utsMode === 'host' ? hostname() : config.Hostname || id.slice(0, 12)

/** The program and its arguments, as Docker shows them. */
export const argsOf = ({ Entrypoint, Cmd }: ContainerConfig): string[] => [...(Entrypoint ?? []), ...(Cmd ?? [])]

/**
 * What a process in the container runs with. `rootfs` is where its files can be seen. Where the client says nothing of it,
 * nobody in a container gains privileges of whose image no program gives any.
 */
export function commandOf(
  deps: ContainerDeps,
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
): SandboxCommand {
  const { run, record } = container
  const { image, config } = record
  const { user, home } = lookUpUser(rootfs, own.user || config.User, run.groupAdd)
  const tty = own.tty ?? config.Tty
  const given = mergeEnv(config.Env, own.env ?? [])
  const base = [
    ...[defaultPath, `HOSTNAME=${hostnameOf(container)}`, `HOME=${home}`, ...(tty ? ['TERM=xterm'] : [])],
    ...linkedVariables(deps, container),
  ]
  const privileged = run.privileged || own.privileged === true
  return {
    args: own.args ?? argsOf(config),
    env: setEnv(mergeEnv(base, given)),
    cwd: own.cwd || config.WorkingDir || '/',
    user,
    tty,
    capabilities: capabilitiesOf(run.capAdd, run.capDrop, privileged),
    noNewPrivileges: securityOf(run).noNewPrivileges ?? (!privileged && !deps.images.hasPrivilegedFiles(image)),
  }
}

/** The init put in front of a container's program when asked for; undefined when this host has none. */
export const findInit = (): string | undefined =>
  ['catatonit', 'tini-static', 'tini', 'docker-init'].map(locateProgram).find((found) => found !== undefined)

function initOf({ init }: RunSpec): { program: string[]; mounts: Mount[] } {
  if (!init) return { program: [], mounts: [] }
  const path = findInit()
  if (path === undefined)
    throw new EngineError('invalid', 'no init is installed for --init: install the Debian package catatonit')
  const mounts: Mount[] = [{ type: 'bind', source: path, target: initTarget, options: ['bind', 'ro'] }]
  return { program: [initTarget, '--'], mounts }
}

/** @throws EngineError `invalid`: there is no driver for any */
function refuseGpus({ deviceDrivers: [first] }: RunSpec): void {
  if (!first) return
  const wanted = first.capabilities.map((all) => `[${all.join(' ')}]`).join(' ')
  throw new EngineError('invalid', `could not select device driver "${first.driver}" with capabilities: [${wanted}]`)
}

/** What was made ready for a container. */
export interface PreparedContainer extends Pick<Sandbox, 'rootfs' | 'users'> {
  /** Those that were asked for. */
  readonly mounts: readonly Mount[]
  /** For what every container mounts. */
  readonly staging: MountStaging
}

/** The files by which a container knows its names, but for those that it mounts itself. */
function nameFiles(deps: ContainerDeps, { id, run }: Container, { mounts, staging }: PreparedContainer): Mount[] {
  // whoever shares a network shares what is said of it
  const shared = /^container:(.+)$/.exec(run.networkMode)?.[1]
  const places = deps.store.places(shared === undefined ? id : deps.find(shared).id)
  return Object.entries({
    [markTarget]: containerMark(deps.config),
    '/etc/resolv.conf': places.resolvConf,
    '/etc/hostname': places.hostname,
    '/etc/hosts': places.hosts,
  })
    .filter(([target]) => !mounts.some((point) => point.target === target))
    .map(([target, source]) => ({
      type: 'bind',
      source: staging.bind(source),
      target,
      options: ['bind', 'rw', 'rprivate'],
    }))
}

/** Device nodes of a container in a user namespace, where nobody makes one. */
const deviceNodes = (devices: Sandbox['devices'], staging: MountStaging): Mount[] =>
  devices.map(({ path, type, major, minor, mode }) => ({
    type: 'bind',
    source: staging.device(type, major, minor, mode),
    target: path,
    options: ['bind', 'rw', 'nosuid', 'noexec'],
  }))

/** Describes a container to the runtime. @throws EngineError `invalid` */
export function sandboxOf(deps: ContainerDeps, container: Container, prepared: PreparedContainer): Sandbox {
  const { rootfs, users, mounts, staging } = prepared
  const { run } = container
  const init = initOf(run)
  const command = commandOf(deps, container, rootfs, {})
  const [height, width] = run.consoleSize
  const { namespaces, shm } = namespacesOf(deps, container)
  demandMapped(command.user, users)
  refuseGpus(run)
  const names = nameFiles(deps, container, prepared)
  closeSync(openDirectory(rootfs, command.cwd, users === 'host' ? 0 : users.first))
  const devices = devicesOf(run)
  const nodes = users === 'host' ? [] : deviceNodes(devices, staging)
  return {
    id: container.id,
    command: {
      ...command,
      args: [...init.program, ...command.args],
      ...(height && width ? { consoleSize: [height, width] as const } : {}),
    },
    rootfs,
    readonlyRootfs: run.readonlyRootfs,
    hostname: namespaces.uts === 'own' ? hostnameOf(container) : '',
    mounts: [...names, ...init.mounts, ...nodes, ...mounts],
    namespaces,
    users,
    shm: typeof shm === 'object' && users !== 'host' ? { path: staging.bind(shm.path) } : shm,
    privileged: run.privileged,
    seccomp: securityOf(run).seccomp,
    ...(run.maskedPaths ? { maskedPaths: run.maskedPaths } : {}),
    ...(run.readonlyPaths ? { readonlyPaths: run.readonlyPaths } : {}),
    ...(Object.keys(run.annotations).length > 0 ? { annotations: run.annotations } : {}),
    cgroupPath: container.cgroup(deps).path,
    limits: limitsOf(run.resources),
    rlimits: rlimitsOf(run),
    sysctls: kernelSettingsOf(container, { users, namespaces }).runtime,
    shmSize: run.shmSize,
    devices,
    deviceRules: deviceRulesOf(run),
    ...(run.oomScoreAdj === 0 ? {} : { oomScoreAdj: run.oomScoreAdj }),
  }
}
