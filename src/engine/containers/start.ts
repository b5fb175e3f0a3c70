import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { EngineError, messageOf } from '../errors.js'
import type { Endpoint } from '../records.js'
import { resolvConf } from '../networks/resolv.js'
import { launch, type StartedContainer } from '../runtime/conmon.js'
import { ownersOf } from '../runtime/ids.js'
import { mount, MS, unmount } from '../kernel/libc.js'
import type { Overlay } from '../runtime/overlay.js'
import { programOf, startTime } from '../system/process.js'
import { runtimeSpec } from '../runtime/spec.js'
import { rememberStaged, MountStaging } from '../runtime/mount-staging.js'
import { outsideOf } from '../runtime/users.js'
import { removeIfPossible } from '../system/remove.js'
import { bundleOf, type Container, type ContainerDeps } from './container.js'
import { kernelSettingsOf, writeSettings, type KernelSetting } from './kernel-settings.js'
import { linkedHosts } from './links.js'
import { logTarget, openLog } from './log-files.js'
import { askingOf, memberOf } from './member.js'
import { openMounts, tellMounts } from './mounts.js'
import { advance, timestamp, type ContainerState } from './state.js'
import { hasRestartPolicy } from './restart.js'
import { sharedShmOf, usersOf } from './namespaces.js'
import { portsOf } from './network-request.js'
import { argsOf, hostnameOf, sandboxOf } from './sandbox.js'
import { orMissing } from '../system/missing.js'

async function layersOf(deps: ContainerDeps, container: Container): Promise<Omit<Overlay, 'target'>> {
  const image = await deps.images.get(container.record.image)
  const { upperDir, workDir } = deps.store.places(container.id)
  return { lowerDirs: await deps.images.lowerDirs(image), upperDir, workDir }
}

/** Mounts the root of a container that does not run, owners as they are on disk, for as long as `use` takes. */
export async function withRootfs<T>(
  deps: ContainerDeps,
  container: Container,
  use: (rootfs: string) => Promise<T>,
): Promise<T> {
  using staging = new MountStaging(container.id, undefined)
  return await use(staging.overlay(await layersOf(deps, container)))
}

/**
 * Starts a container that is not up. Its output is caught by whoever is in `onStart` before its program runs.
 * @throws EngineError with the reason; nothing is left running
 */
export async function start(deps: ContainerDeps, container: Container): Promise<void> {
  const { record } = container
  try {
    await deps.exits.take(record.id) // an end that could not be recorded
    await writeNames(deps, container, [])
    await openLog(deps.store.places(record.id).log)
    delete record.state.runtime
    record.state.runtime = deps.driverOf(record).name
    const { pid, conmonPid, settings } = await create(deps, container)
    const [pidStart, conmonStart] = [startTime(pid), startTime(conmonPid)]
    Object.assign(record.state, { pid, conmonPid, pidStart, conmonStart, boot: deps.boot })
    container.initPath = programOf(pid)
    writeSettings(pid, settings)
    await plumb(deps, container)
    advance(record.state, 'running', {
      startedAt: timestamp(),
      exitCode: 0,
      error: '',
      oomKilled: false,
      stopped: false,
    })
    delete record.state.health
    // what is to run again after a power cut must be known to have run
    await (hasRestartPolicy(record) ? deps.store.save(record) : deps.store.note(record))
    container.tellStart(true)
    await deps
      .driverOf(record)
      .start(record.id)
      .catch((error: unknown) => {
        if (!container.ending) throw error // else it was killed just now, of which its end tells
      })
    // its program has been executed, as when runc answers: what is asked of it next finds it
    await container.whenStarted()
    container.begun = performance.now()
  } catch (error) {
    await undo(deps, container, error)
    throw error instanceof EngineError ? error : new EngineError('broken', messageOf(error), error)
  }
  container.companions = new AbortController()
  tellMounts(deps, container, 'mount')
  container.emit(deps.events, 'start')
}

/** Has the runtime make the container; its program does not run yet. */
async function create(
  deps: ContainerDeps,
  container: Container,
): Promise<StartedContainer & { readonly settings: readonly KernelSetting[] }> {
  const { record } = container
  const users = await usersOf(deps, container)
  const owners = await ownersOf(deps.ids, users)
  await shareShm(deps, container)
  using staging = new MountStaging(record.id, owners)
  const mounts = await openMounts(deps, container, staging)
  const rootfs = staging.overlay(await layersOf(deps, container))
  const sandbox = sandboxOf(deps, container, { rootfs, mounts, users, staging })
  const { OpenStdin, StdinOnce, Tty } = record.config
  const log = logTarget(record.hostConfig, deps.store.places(record.id).log)
  const wanted = {
    id: record.id,
    bundle: bundleOf(deps.config, record.id),
    exitDir: deps.exits.dir,
    spec: runtimeSpec(sandbox),
    streamsOf: outsideOf(sandbox.command.user, users),
    tty: Tty,
    stdin: OpenStdin ? (StdinOnce ? ('once' as const) : ('open' as const)) : ('none' as const),
    ...(log ? { log } : {}),
  }
  const launched = await launch(deps.driverOf(record), deps.conmon, wanted, {
    args: argsOf(record.config),
    cwd: record.config.WorkingDir || '/',
  })
  return { ...launched, settings: kernelSettingsOf(container, sandbox).engine }
}

/** A /dev/shm that others may have is mounted where the engine can give it to them. */
async function shareShm(deps: ContainerDeps, container: Container): Promise<void> {
  const { ipcMode, shmSize } = container.run
  if (ipcMode !== 'shareable') return
  const place = sharedShmOf(deps, container)
  await mkdir(place, { recursive: true, mode: 0o700 })
  mount('shm', place, 'tmpfs', MS.nosuid | MS.nodev | MS.noexec, `mode=1777,size=${String(shmSize)}`)
}

async function plumb(deps: ContainerDeps, container: Container): Promise<void> {
  const { record } = container
  const endpoints: Endpoint[] = []
  for (const spec of record.networks) endpoints.push(await deps.networks.connect(memberOf(record), spec))
  record.endpoints = endpoints
  const wanted = portsOf(record.hostConfig, record.config.ExposedPorts)
  record.ports = await deps.networks.publish(record.id, wanted)
  if (endpoints.length > 0) await writeNames(deps, container, endpoints)
}

const ownHosts = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'ff00::0\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
]

/** Lines of /etc/hosts where a container has the host's network, whose names are right for it. */
async function hostHosts(): Promise<readonly string[]> {
  const text = await readFile('/etc/hosts', 'utf8').catch(orMissing(undefined))
  return text?.replace(/\n$/, '').split('\n') ?? ownHosts
}

/** Writes the files that the container sees as /etc/hosts, hostname and resolv.conf: in place, they are mounted. */
export async function writeNames(
  deps: ContainerDeps,
  container: Container,
  endpoints: readonly Endpoint[],
  afresh = endpoints.length === 0,
): Promise<void> {
  const { run } = container
  const { config } = container.record
  const places = deps.store.places(container.id)
  const hostname = hostnameOf(container)
  const full = config.Domainname === '' ? hostname : `${hostname}.${config.Domainname}`
  // a name with its domain has its first part besides, be the domain in --hostname or in --domainname
  const called = full.includes('.') ? `${full} ${full.slice(0, full.indexOf('.'))}` : full
  const extra = run.extraHosts.map((entry) => {
    const [, name = '', address = ''] = /^([^:=]+)[:=](.*)$/.exec(entry) ?? []
    return `${address === 'host-gateway' ? (endpoints[0]?.gateway ?? '127.0.0.1') : address}\t${name}`
  })
  const hosts = [
    ...(run.networkMode === 'host' ? await hostHosts() : ownHosts),
    ...extra,
    ...linkedHosts(deps, container),
    ...endpoints.flatMap(({ ipAddress, ipv6Address }) =>
      [ipAddress, ...(ipv6Address === undefined ? [] : [ipv6Address])].map((address) => `${address}\t${called}`),
    ),
  ]
  const writes = [writeFile(places.hosts, `${hosts.join('\n')}\n`, { mode: 0o644 })]
  if (afresh) {
    const resolution = { servers: run.dns, search: run.dnsSearch, options: run.dnsOptions }
    writes.push(
      writeFile(places.hostname, `${hostname}\n`, { mode: 0o644 }),
      resolvConf(resolution, askingOf(container.record)).then((text) =>
        writeFile(places.resolvConf, text, { mode: 0o644 }),
      ),
    )
  }
  await Promise.all(writes)
}

async function undo(deps: ContainerDeps, container: Container, error: unknown): Promise<void> {
  const { record } = container
  const { pid, pidStart, status } = record.state
  const message = messageOf(error)
  if (pid > 0 && startTime(pid) === pidStart) {
    const gone = deps.exits.wait(record.id)
    process.kill(pid, 'SIGKILL')
    await gone
  }
  await clear(deps, container)
  if (status === 'running') advance(record.state, 'exited')
  Object.assign(record.state, {
    pid: 0,
    conmonPid: 0,
    exitCode: message.includes('executable file not found') ? 127 : message.includes('permission denied') ? 126 : 128,
    error: message,
  } satisfies Partial<ContainerState>)
  await deps.store.saveIfPossible(record)
  await deps.exits.take(record.id)
  container.tellStart(false)
}

/**
 * Removes what the kernel and the runtime still have of a container whose processes are gone. Its exit file stays for the
 * caller to take once the record is on disk.
 */
export async function clear(deps: ContainerDeps, container: Container): Promise<void> {
  const { record } = container
  await container.cgroup(deps).destroy()
  deps.driverOf(record).forget(record.id)
  rememberStaged(record.id, false)
  await deps.networks.release(record.id)
  await deps.volumes.letGo(record.id)
  record.endpoints = []
  record.ports = []
  unmount(sharedShmOf(deps, container))
  await removeIfPossible(bundleOf(deps.config, record.id), 'what a container that has ended had')
}
