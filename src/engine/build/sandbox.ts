import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import { join } from 'node:path'
import type { EngineConfig } from '../config.js'
import { EngineError } from '../errors.js'
import { buildsNetwork } from '../networks/catalog.js'
import { familyOf } from '../kernel/ip.js'
import { netnsOf } from '../kernel/netns.js'
import { resolvConf } from '../networks/resolv.js'
import { socketIn } from '../kernel/sockets.js'
import type { BuildSandbox, Networks, StepNetwork } from '../records.js'
import { connected, dial } from '../system/dial.js'
import { BuildGroup } from './group.js'
import type { Hierarchies } from '../runtime/cgroup.js'

/** What sandboxes of builds are made from. */
export interface SandboxDeps {
  readonly config: EngineConfig
  readonly hierarchies: Hierarchies
  readonly networks: Networks
}

/** Joins the control groups named before `--`, then becomes what is named after it. */
const joiner = 'while [ "$1" != -- ]; do echo 0 >"$1/cgroup.procs" || exit; shift; done; shift; exec "$@"'

/** In a mount namespace of its own: names are looked up as the build looks them up, not as the host does. */
const renamer =
  '[ ! -e /etc/resolv.conf ] || mount --bind "$1" /etc/resolv.conf || exit; mount --bind "$2" /etc/hosts && shift 2 && exec "$@"'

/**
 * Opens the sandbox of a build; its control group is there from now on, its network once something is fetched.
 * @throws EngineError when the group cannot be made
 */
export const openSandbox = (deps: SandboxDeps, network: StepNetwork): BuildSandbox => new FetchSandbox(deps, network)

/** The kernel's own peak counts caches of files, too: what a build itself has is looked at this often. Milliseconds. */
const lookMs = 250

class FetchSandbox implements BuildSandbox {
  readonly #deps: SandboxDeps
  readonly #network: StepNetwork
  readonly #id = `fetch${randomBytes(12).toString('hex')}`
  readonly #group: BuildGroup
  #memoryTaken = 0
  readonly #looking: NodeJS.Timeout
  #holder: ChildProcess | undefined
  #netns: Promise<string | undefined> | undefined

  constructor(deps: SandboxDeps, network: StepNetwork) {
    this.#deps = deps
    this.#network = network
    this.#group = BuildGroup.make(deps.hierarchies, deps.config, this.#id)
    this.#looking = setInterval(() => this.memoryTaken(), lookMs).unref()
  }

  get group(): string {
    return this.#group.path
  }

  get memory(): number {
    return this.#group.memory
  }

  memoryTaken(): number {
    return (this.#memoryTaken = Math.max(this.#memoryTaken, this.#group.memoryNow()))
  }

  get cpus(): number {
    return this.#group.cpus
  }

  connect(host: string, port: number, signal: AbortSignal): Promise<Socket> {
    return dial(host, (address) => this.#connect(address, port, signal), signal)
  }

  async #connect(address: string, port: number, signal: AbortSignal): Promise<Socket> {
    const netns = await this.#namespace()
    signal.throwIfAborted()
    const socket = netns === undefined ? new Socket() : new Socket({ fd: socketIn(netns, 'tcp', familyOf(address)) })
    return connected(socket, address, port, signal)
  }

  async around(words: readonly string[]): Promise<readonly [string, ...string[]]> {
    const netns = await this.#namespace()
    const groups = this.#group.fetchGroups()
    const joined = ['-c', joiner, 'sh', ...groups, '--'] as const
    if (netns === undefined) return ['/bin/sh', ...joined, ...words]
    const files = ['resolv.conf', 'hosts'].map((name) => join(this.#place, name))
    const renamed = ['unshare', '--mount', '/bin/sh', '-c', renamer, 'sh', ...files]
    return ['/bin/sh', ...joined, 'nsenter', `--net=${netns}`, ...renamed, ...words]
  }

  fetchRanOut(): boolean {
    return this.#group.fetchRanOut()
  }

  get #place(): string {
    return join(this.#deps.config.run, 'b', this.#id)
  }

  /** Path of the network namespace to fetch from; undefined is the host's. */
  #namespace(): Promise<string | undefined> {
    return (this.#netns ??= this.#open())
  }

  async #open(): Promise<string | undefined> {
    const network = this.#network
    if (network === 'host') return undefined
    await mkdir(this.#place, { recursive: true, mode: 0o700 })
    const named = typeof network === 'object' && 'network' in network ? network.network : buildsNetwork
    await writeFile(join(this.#place, 'resolv.conf'), await resolvConf({}, named === 'bridge' ? 'bridge' : 'names'))
    await writeFile(join(this.#place, 'hosts'), '127.0.0.1\tlocalhost\n::1\tlocalhost\n')
    if (typeof network === 'object' && 'namespace' in network) return network.namespace
    // it ends when its input does: with this build, or with the engine
    const holder = spawn('unshare', ['--net', '/bin/sh', '-c', 'echo ready; exec cat'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin' },
    })
    this.#holder = holder
    holder.stdin.on('error', () => undefined)
    await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit').then(refuse)])
    const pid = holder.pid ?? 0
    const member = { id: this.#id, pid, names: [], servers: [] }
    await this.#deps.networks.connect(member, { network: named, aliases: [] })
    return netnsOf(pid)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#looking)
    await this.#netns?.catch(() => undefined) // told to whoever asked for it
    await this.#deps.networks.release(this.#id)
    this.#holder?.stdin?.end()
    await rm(this.#place, { recursive: true, force: true })
    await this.#group.destroy()
  }
}

function refuse(): never {
  throw new EngineError('broken', 'cannot make a network namespace to fetch from: unshare(1) ended')
}
