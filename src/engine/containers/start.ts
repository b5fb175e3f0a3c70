import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { EngineError, messageOf } from '../errors.js'
import type { Endpoint } from '../records.js'
import { resolvConf } from '../networks/resolv.js'
import { launch, type Launched } from '../runtime/conmon.js'
import { ownersOf } from '../runtime/ids.js'
import { mount, MS, unmount } from '../kernel/libc.js'
import type { Overlay } from '../runtime/overlay.js'
import { programOf, startTime } from '../system/process.js'
import { specOf } from '../runtime/spec.js'
import { rememberStaged, Staging } from '../runtime/mount-staging.js'
import { outsideOf } from '../runtime/users.js'
import { removeIfPossible } from '../system/remove.js'
import { bundleOf, type Container, type Shop } from './container.js'
import { kernelSettingsOf, writeSettings, type KernelSetting } from './kernel-settings.js'
import { linkedHosts } from './links.js'
import { logTarget, openLog } from './log-files.js'
import { askingOf, memberOf } from './member.js'
import { openMounts, tellMounts } from './mounts.js'
import { timestamp } from './record.js'
import { hasRestartPolicy } from './restart.js'
import { sharedShmOf, usersOf } from './namespaces.js'
import { portsOf } from './network-request.js'
import { argsOf, hostnameOf, sandboxOf } from './sandbox.js'

async function layersOf(shop: Shop, container: Container): Promise<Omit<Overlay, 'target'>> {
  const image = await shop.images.get(container.record.image)
  const { upperDir, workDir } = shop.store.places(container.id)
  return { lowerDirs: await shop.images.lowerDirs(image), upperDir, workDir }
}

/** Mounts the root of a container that does not run, owners as they are on disk, for as long as `use` takes. */
export async function withRootfs<T>(shop: Shop, container: Container, use: (rootfs: string) => Promise<T>): Promise<T> {
  using staging = new Staging(container.id, undefined)
  return await use(staging.overlay(await layersOf(shop, container)))
}

/**
 * Starts a container that is not up. Its output is caught by whoever is in `onStart` before its program runs.
 * @throws EngineError with the reason; nothing is left running
 */
export async function start(shop: Shop, container: Container): Promise<void> {
  const { record } = container
  try {
    await shop.exits.take(record.id) // an end that could not be recorded
    await writeNames(shop, container, [])
    await openLog(shop.store.places(record.id).log)
    const { pid, conmonPid, settings } = await create(shop, container)
    const [pidStart, conmonStart] = [startTime(pid), startTime(conmonPid)]
    Object.assign(record.state, { pid, conmonPid, pidStart, conmonStart, boot: shop.boot })
    container.entrance = programOf(pid)
    writeSettings(pid, settings)
    await plumb(shop, container)
    Object.assign(record.state, {
      status: 'running',
      startedAt: timestamp(),
      exitCode: 0,
      error: '',
      oomKilled: false,
      stopped: false,
    })
    delete record.state.health
    // what is to run again after a power cut must be known to have run
    await (hasRestartPolicy(record) ? shop.store.save(record) : shop.store.note(record))
    container.tellStart(true)
    await shop
      .driverOf(record)
      .start(record.id)
      .catch((error: unknown) => {
        if (container.alive) throw error // else it was killed just now, of which its end tells
      })
    // its program has been executed, as when runc answers: what is asked of it next finds it
    await container.begun()
  } catch (error) {
    await undo(shop, container, error)
    throw error instanceof EngineError ? error : new EngineError('broken', messageOf(error), error)
  }
  container.companions = new AbortController()
  tellMounts(shop, container, 'mount')
  container.emit(shop.events, 'start')
}

/** Has the runtime make the container; its program does not run yet. */
async function create(
  shop: Shop,
  container: Container,
): Promise<Launched & { readonly settings: readonly KernelSetting[] }> {
  const { record } = container
  const users = await usersOf(shop, container)
  const owners = await ownersOf(shop.ids, users)
  await shareShm(shop, container)
  using staging = new Staging(record.id, owners)
  const mounts = await openMounts(shop, container, staging)
  const rootfs = staging.overlay(await layersOf(shop, container))
  const sandbox = sandboxOf(shop, container, { rootfs, mounts, users, staging })
  const { OpenStdin, StdinOnce, Tty } = record.config
  const log = logTarget(record.hostConfig, shop.store.places(record.id).log)
  const wanted = {
    id: record.id,
    bundle: bundleOf(shop.config, record.id),
    exitDir: shop.exits.dir,
    spec: specOf(sandbox),
    streamsOf: outsideOf(sandbox.command.user, users),
    tty: Tty,
    stdin: OpenStdin ? (StdinOnce ? ('once' as const) : ('open' as const)) : ('none' as const),
    ...(log ? { log } : {}),
  }
  const launched = await launch(shop.driverOf(record), shop.conmon, wanted, {
    args: argsOf(record.config),
    cwd: record.config.WorkingDir || '/',
  })
  return { ...launched, settings: kernelSettingsOf(record, sandbox).engine }
}

/** A /dev/shm that others may have is mounted where the engine can give it to them. */
async function shareShm(shop: Shop, container: Container): Promise<void> {
  const { IpcMode, ShmSize } = container.record.hostConfig
  if (IpcMode !== 'shareable') return
  const place = sharedShmOf(shop, container)
  await mkdir(place, { recursive: true, mode: 0o700 })
  mount('shm', place, 'tmpfs', MS.nosuid | MS.nodev | MS.noexec, `mode=1777,size=${String(ShmSize)}`)
}

async function plumb(shop: Shop, container: Container): Promise<void> {
  const { record } = container
  const endpoints: Endpoint[] = []
  for (const spec of record.networks) endpoints.push(await shop.networks.connect(memberOf(record), spec))
  record.endpoints = endpoints
  const wanted = portsOf(record.hostConfig, record.config.ExposedPorts)
  record.ports = await shop.networks.publish(record.id, wanted)
  if (endpoints.length > 0) await writeNames(shop, container, endpoints)
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
  const text = await readFile('/etc/hosts', 'utf8').catch(() => undefined)
  return text?.replace(/\n$/, '').split('\n') ?? ownHosts
}

/** Writes the files that the container sees as /etc/hosts, hostname and resolv.conf: in place, they are mounted. */
export async function writeNames(
  shop: Shop,
  container: Container,
  endpoints: readonly Endpoint[],
  afresh = endpoints.length === 0,
): Promise<void> {
  const { hostConfig, config } = container.record
  const places = shop.store.places(container.id)
  const texts = (name: string): string[] => ((hostConfig[name] ?? []) as readonly unknown[]).map(String)
  const hostname = hostnameOf(container)
  const full = config.Domainname === '' ? hostname : `${hostname}.${config.Domainname}`
  // a name with its domain has its first part besides, be the domain in --hostname or in --domainname
  const called = full.includes('.') ? `${full} ${full.slice(0, full.indexOf('.'))}` : full
  const extra = texts('ExtraHosts').map((entry) => {
    const [, name = '', address = ''] = /^([^:=]+)[:=](.*)$/.exec(entry) ?? []
    return `${address === 'host-gateway' ? (endpoints[0]?.gateway ?? '127.0.0.1') : address}\t${name}`
  })
  const hosts = [
    ...(hostConfig.NetworkMode === 'host' ? await hostHosts() : ownHosts),
    ...extra,
    ...linkedHosts(shop, container),
    ...endpoints.flatMap(({ ipAddress, ipv6Address }) =>
      [ipAddress, ...(ipv6Address === undefined ? [] : [ipv6Address])].map((address) => `${address}\t${called}`),
    ),
  ]
  const writes = [writeFile(places.hosts, `${hosts.join('\n')}\n`, { mode: 0o644 })]
  if (afresh) {
    const resolution = { servers: texts('Dns'), search: texts('DnsSearch'), options: texts('DnsOptions') }
    writes.push(
      writeFile(places.hostname, `${hostname}\n`, { mode: 0o644 }),
      resolvConf(resolution, askingOf(container.record)).then((text) =>
        writeFile(places.resolvConf, text, { mode: 0o644 }),
      ),
    )
  }
  await Promise.all(writes)
}

async function undo(shop: Shop, container: Container, error: unknown): Promise<void> {
  const { record } = container
  const { pid, pidStart, status } = record.state
  const message = messageOf(error)
  if (pid > 0 && startTime(pid) === pidStart) {
    const gone = shop.exits.wait(record.id)
    process.kill(pid, 'SIGKILL')
    await gone
  }
  await clear(shop, container)
  Object.assign(record.state, {
    status: status === 'running' ? 'exited' : status,
    pid: 0,
    conmonPid: 0,
    exitCode: message.includes('executable file not found') ? 127 : message.includes('permission denied') ? 126 : 128,
    error: message,
  })
  await shop.store.saveIfPossible(record)
  await shop.exits.take(record.id)
  container.tellStart(false)
}

/**
 * Removes what the kernel and the runtime still have of a container whose processes are gone. Its exit file stays for the
 * caller to take once the record is on disk.
 */
export async function clear(shop: Shop, container: Container): Promise<void> {
  const { record } = container
  await container.cgroup(shop).destroy()
  shop.driverOf(record).forget(record.id)
  rememberStaged(record.id, false)
  await shop.networks.release(record.id)
  await shop.volumes.letGo(record.id)
  record.endpoints = []
  record.ports = []
  unmount(sharedShmOf(shop, container))
  await removeIfPossible(bundleOf(shop.config, record.id), 'what a container that has ended had')
}
