import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { EngineConfig } from '../config.js'
import { EngineError, messageOf } from '../errors.js'
import { buildsNetwork } from '../networks/catalog.js'
import { type Asking, resolvConf } from '../networks/resolv.js'
import type { Mount, Networks, RunStep, StepNetwork, StepEnd, Steps } from '../records.js'
import { Attachment } from '../runtime/attach.js'
import { openSandbox } from './sandbox.js'
import { capabilitiesOf } from '../runtime/capabilities.js'
import { Cgroup, hastenMoves, type Hierarchies } from '../runtime/cgroup.js'
import { launch, type StartedContainer } from '../runtime/conmon.js'
import type { Driver } from '../runtime/driver.js'
import type { Exits } from '../runtime/exits.js'
import { rangeOf } from '../system/id-map.js'
import { ownersOf, type Ids } from '../runtime/ids.js'
import { mountSecrets, type MountedSecrets } from './step-secrets.js'
import { mount, MS, unmount } from '../kernel/libc.js'
import { signal } from '../system/process.js'
import { watchSpace } from '../system/space.js'
import { runtimeSpec } from '../runtime/spec.js'
import { MountStaging } from '../runtime/mount-staging.js'
import type { Namespace, Sandbox, UserNamespace } from '../runtime/sandbox.js'
import { demandMapped, lookUpUser, outsideOf } from '../runtime/users.js'

/** What running a step takes. */
export interface StepDeps {
  readonly config: EngineConfig
  readonly driver: Driver
  readonly conmon: string
  readonly exits: Exits
  readonly hierarchies: Hierarchies
  readonly ids: Ids | undefined
  readonly networks: Networks
}

/** A build may not fork without end either. */
const pidsLimit = 8192

/** Runs build steps: containers without a record, in a group of their own below the build's. */
export const createSteps = (deps: StepDeps): Steps => ({
  begin: (network) => openSandbox(deps, network),
  run: (step) => runStep(deps, step),
})

async function runStep(deps: StepDeps, step: RunStep): Promise<StepEnd> {
  const { config, driver, exits, networks } = deps
  step.signal.throwIfAborted()
  const bundle = join(config.run, 'b', step.id.slice(0, 32))
  const cgroup = new Cgroup(deps.hierarchies, `${step.group}/${step.id}`)
  const kill = (): void => {
    for (const pid of cgroup.pids()) signal(pid, 'SIGKILL')
  }
  void hastenMoves(deps.hierarchies)
  const over = new AbortController()
  try {
    const secrets = step.secrets ?? []
    await makeBundle(bundle, secrets.length > 0)
    const users = await usersOf(config, deps.ids, step)
    await using secretMounts = await mountSecrets(join(bundle, 'secrets'), secrets, users)
    const { pid } = await create(deps, step, { bundle, cgroupPath: cgroup.path, users, secretMounts })
    const exit = exits.wait(step.id)
    step.signal.addEventListener('abort', kill)
    const full = stopWhenFull(step, config.diskReserve, over.signal, kill)
    await connect(deps, step, { bundle, pid }).catch((error: unknown) => {
      kill()
      throw error
    })
    const attachment = Attachment.open(bundle)
    const output = attachment.read((stream, chunk) => step.onOutput(stream, chunk))
    await driver.start(step.id)
    if (step.signal.aborted) kill()
    const { code } = await exit
    await output
    attachment.close()
    const [oomKilled, peak] = [cgroup.oomKills() > 0, cgroup.peak()]
    step.signal.throwIfAborted()
    full.throwIfAborted()
    return { exitCode: code, oomKilled, peak }
  } catch (error) {
    step.signal.throwIfAborted()
    throw error instanceof EngineError ? error : new EngineError('broken', messageOf(error), error)
  } finally {
    over.abort()
    step.signal.removeEventListener('abort', kill)
    await cgroup.destroy()
    if ((step.secrets ?? []).length > 0) unmount(bundle)
    driver.forget(step.id)
    await networks.release(step.id)
    await exits.take(step.id)
    await rm(bundle, { recursive: true, force: true })
  }
}

/** @param secret whether it is in memory: secrets, and the environment in config.json that may hold them, touch no disk */
async function makeBundle(bundle: string, secret: boolean): Promise<void> {
  await mkdir(bundle, { recursive: true, mode: 0o700 })
  if (secret) mount('tmpfs', bundle, 'tmpfs', MS.nosuid | MS.nodev, 'size=16m,mode=0700')
}

/** Kills a step that is about to take the last of the disk. @returns what says so to it */
function stopWhenFull(step: RunStep, reserve: number | undefined, over: AbortSignal, kill: () => void): AbortSignal {
  const full = new AbortController()
  watchSpace(step.upperDir, reserve, over, () => {
    full.abort(
      new EngineError('full', 'no space left on device: the step was stopped before it took the last of the disk'),
    )
    kill()
  })
  return full.signal
}

/** Connects a step's container to its network, if that is one that containers are connected to. */
async function connect(
  { networks }: StepDeps,
  step: RunStep,
  { bundle, pid }: { bundle: string; pid: number },
): Promise<void> {
  const network = bridgeOf(step.network)
  if (network === undefined) return
  const member = { id: step.id, pid, names: [], servers: [] }
  const endpoint = await networks.connect(member, { network, aliases: [] })
  await writeFile(join(bundle, 'hosts'), hostsOf(step, endpoint.gateway))
}

/** Has the runtime make a step's container; its program does not run yet. */
async function create(
  { driver, conmon, exits, ids }: StepDeps,
  step: RunStep,
  {
    bundle,
    cgroupPath,
    users,
    secretMounts,
  }: Pick<Sandbox, 'cgroupPath' | 'users'> & { bundle: string; secretMounts: MountedSecrets },
): Promise<StartedContainer> {
  const names = await writeNames(bundle, step)
  using staging = new MountStaging(step.id, await ownersOf(ids, users))
  const rootfs = staging.overlay({ ...step, volatile: true })
  const staged = (mount: Mount, asIs: boolean): Mount =>
    mount.type === 'bind' ? { ...mount, source: staging.bind(mount.source, { asIs }) } : mount
  const mounts = [
    ...[...names, ...step.mounts].map((mount) => staged(mount, false)),
    ...secretMounts.mounts.map((mount) => staged(mount, true)),
  ]
  const sandbox = sandboxOf(step, { rootfs, mounts, users, cgroupPath, env: secretMounts.env })
  const wanted = {
    ...{ id: step.id, bundle, exitDir: exits.dir, spec: runtimeSpec(sandbox), tty: false, stdin: 'none' as const },
    streamsOf: outsideOf(sandbox.command.user, users),
  }
  return await launch(driver, conmon, wanted, step)
}

/** Whoever joins a container's network has its users. @throws EngineError `denied` */
async function usersOf({ deny }: EngineConfig, ids: Ids | undefined, { network }: RunStep): Promise<UserNamespace> {
  if (ids === undefined) return 'host'
  if (typeof network !== 'object' || !('namespace' in network)) return ids.of('builds')
  const path = join(dirname(network.namespace), 'user')
  const range = rangeOf(Number(/^\/proc\/(\d+)\//.exec(path)?.[1]))
  if (range) return { ...range, path }
  if (deny?.hostUserns)
    throw new EngineError('denied', "this network is in the host's user namespace, which --deny-host-userns refuses")
  return 'host'
}

async function writeNames(bundle: string, step: RunStep): Promise<Mount[]> {
  const files = {
    '/etc/hosts': hostsOf(step, '127.0.0.1'),
    '/etc/hostname': `${hostnameOf(step)}\n`,
    '/etc/resolv.conf': await resolvConf({}, askingOf(step.network)),
  }
  const mounts: Mount[] = []
  for (const [target, text] of Object.entries(files)) {
    const source = join(bundle, target.slice('/etc/'.length))
    await writeFile(source, text, { mode: 0o644 })
    mounts.push({ type: 'bind', source, target, options: ['bind', 'ro'] })
  }
  return mounts
}

const hostnameOf = ({ hostname, id }: RunStep): string => hostname ?? id.slice(0, 12)

/** @param gateway the address that `host-gateway` stands for */
function hostsOf(step: RunStep, gateway: string): string {
  const extra = (step.extraHosts ?? []).map((entry) => {
    const [, name = '', address = ''] = /^([^:=]+)[:=](.*)$/.exec(entry) ?? []
    return `${address === 'host-gateway' ? gateway : address}\t${name}`
  })
  return ['127.0.0.1\tlocalhost', '::1\tlocalhost', ...extra, `127.0.1.1\t${hostnameOf(step)}`, ''].join('\n')
}

/** The bridge to plug a step into, if any. */
function bridgeOf(network: StepNetwork): string | undefined {
  if (network === 'default') return buildsNetwork
  return typeof network === 'object' && 'network' in network ? network.network : undefined
}

function askingOf(network: StepNetwork): Asking {
  if (network === 'host') return 'host'
  return (bridgeOf(network) ?? 'bridge') === 'bridge' ? 'bridge' : 'names'
}

function namespaceOf(network: StepNetwork): Namespace {
  if (network === 'host') return 'host'
  return typeof network === 'object' && 'namespace' in network ? { path: network.namespace } : 'own'
}

interface PreparedStep extends Pick<Sandbox, 'rootfs' | 'mounts' | 'users' | 'cgroupPath'> {
  /** Variables besides the step's. */
  readonly env: readonly string[]
}

function sandboxOf(step: RunStep, { rootfs, mounts, users, cgroupPath, env: more }: PreparedStep): Sandbox {
  const { user, home } = lookUpUser(rootfs, step.user)
  demandMapped(user, users)
  const own = step.env.some((entry) => entry.startsWith('HOME=')) ? step.env : [...step.env, `HOME=${home}`]
  const env = [...own, ...more]
  const network = namespaceOf(step.network)
  return {
    id: step.id,
    command: {
      args: step.args,
      env,
      cwd: step.cwd,
      user,
      tty: false,
      capabilities: capabilitiesOf([], [], false),
      noNewPrivileges: false,
    },
    rootfs,
    readonlyRootfs: false,
    hostname: hostnameOf(step),
    mounts,
    users,
    namespaces: { network, ipc: 'own', pid: 'own', uts: 'own', cgroup: 'host' },
    shm: 'own',
    privileged: false,
    seccomp: 'default',
    cgroupPath,
    limits: { ...step.limits, pids: pidsLimit },
    rlimits: step.rlimits ?? [],
    sysctls: network !== 'own' ? {} : { 'net.ipv4.ip_unprivileged_port_start': '0' },
    shmSize: step.shmSize ?? 67108864,
    devices: [],
  }
}
