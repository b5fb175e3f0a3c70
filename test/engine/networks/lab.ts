import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EngineConfig } from '../../../src/engine/config.js'
import { openEvents } from '../../../src/engine/events.js'
import type { NetworkSpec } from '../../../src/engine/networks/catalog.js'
import { linkNames } from '../../../src/engine/kernel/links.js'
import { kernelNames, type KernelNames } from '../../../src/engine/networks/names.js'
import { openNetworks, type NetworkRoom } from '../../../src/engine/networks/networks.js'
import { destroyNetworks } from '../../../src/engine/networks/teardown.js'
import type { Endpoint, NetworkMember, PortRequest } from '../../../src/engine/records.js'
import { startPeer, type Peer } from './peer.js'

export const spec = (name: string, more: Partial<NetworkSpec> = {}): NetworkSpec => ({
  name,
  driver: 'bridge',
  internal: false,
  attachable: false,
  labels: {},
  options: {},
  ...more,
})

export const port = (more: Partial<PortRequest> = {}): PortRequest => ({
  protocol: 'tcp',
  containerPort: 80,
  hostIp: '',
  hostPort: 0,
  ...more,
})

/** Runs a command in a peer's network. */
export const inside = (peer: Peer, ...command: string[]): string =>
  execFileSync('nsenter', [`--net=/proc/${peer.pid}/ns/net`, ...command], { encoding: 'utf8' })

/** What was thrown; fails when nothing was. */
export const thrownBy = async (what: Promise<unknown>): Promise<unknown> => {
  const failure = await what.then(
    () => undefined,
    (error: unknown) => ({ error }),
  )
  if (!failure) throw new Error('nothing was thrown')
  return failure.error
}

/** An instance's networks with four peers, and everything that goes away with them. */
export class Lab implements AsyncDisposable {
  readonly config: EngineConfig
  readonly names: KernelNames
  networks!: NetworkRoom
  readonly #peers = new Map<string, Peer>()

  private constructor(root: string, more: Partial<EngineConfig>) {
    const prefix = Math.floor(Math.random() * 65536)
      .toString(16)
      .padStart(4, '0')
    const pool = `10.${100 + (parseInt(prefix, 16) % 150)}.0.0/16`
    this.config = { name: `net-${prefix}`, prefix, pool, root, ...more } as EngineConfig
    this.names = kernelNames(this.config)
  }

  static async open(more: Partial<EngineConfig> = {}): Promise<Lab> {
    const lab = new Lab(await mkdtemp(join(tmpdir(), 'berth-networks-')), more)
    await lab.reopen()
    await lab.networks.restore([])
    await lab.networks.create(spec('other'))
    await lab.networks.create(spec('inner', { internal: true }))
    await Promise.all(['a', 'b', 'c', 'd'].map((name) => lab.start(name)))
    return lab
  }

  /** An engine started anew, not yet restored. */
  async reopen(): Promise<void> {
    this.networks = await openNetworks(this.config, openEvents(), () => undefined)
  }

  peer(name: string): Peer {
    const peer = this.#peers.get(name)
    if (!peer) throw new Error(`no peer ${name}`)
    return peer
  }

  async start(name: string): Promise<Peer> {
    const peer = await startPeer(name)
    this.#peers.set(name, peer)
    return peer
  }

  connect(name: string, network: string, more = {}): Promise<Endpoint> {
    return this.networks.connect(this.member(name), { network, aliases: [], ...more })
  }

  async publish(name: string, ...ports: PortRequest[]): Promise<[PortRequest, ...PortRequest[]]> {
    const [first, ...rest] = (await this.networks.publish(name, ports)).filter(({ hostIp }) => hostIp !== '::')
    if (!first || rest.length + 1 !== ports.length) throw new Error('not all ports were published')
    return [first, ...rest]
  }

  member(name: string): NetworkMember {
    return { id: name, pid: this.peer(name).pid, names: [name], servers: [] }
  }

  async releaseAll(): Promise<void> {
    for (const name of this.#peers.keys()) await this.networks.release(name)
  }

  /** An address of the host that is not its loopback. */
  hostAddress(): string {
    const addresses = Object.entries(networkInterfaces())
      .filter(([name]) => !name.startsWith(this.names.bridges) && name !== 'lo')
      .flatMap(([, found]) => found ?? [])
    return addresses.find((address) => address.family === 'IPv4')?.address ?? '127.0.0.1'
  }

  /** The names of everything of the instance that the kernel has. */
  left(): readonly string[] {
    const { table, bridges, cables } = this.names
    const links = linkNames('')
    const tables = execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' }).split('\n')
    return [
      ...links.filter((name) => name.startsWith(bridges) || name.startsWith(cables)),
      ...tables.filter((line) => line.endsWith(` ${table}`)),
    ]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.networks[Symbol.asyncDispose]()
    await destroyNetworks(this.config)
    for (const peer of this.#peers.values()) await peer[Symbol.asyncDispose]()
    await rm(this.config.root, { recursive: true })
  }
}
