/**
 * What a container's networking costs: connect, publish a port and release, beside the same by one `ip` or `nft` command
 * a step, interleaved in one run. Needs root; `npm run bench:network -- [containers]`.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EngineConfig } from '../../src/engine/config.js'
import { openEvents } from '../../src/engine/events.js'
import { kernelNames } from '../../src/engine/networks/names.js'
import { openNetworks } from '../../src/engine/networks/networks.js'
import { destroyNetworks } from '../../src/engine/networks/teardown.js'

const count = Number(process.argv[2] ?? 50)
const prefix = Math.floor(Math.random() * 65536)
  .toString(16)
  .padStart(4, '0')
const octet = 100 + (parseInt(prefix, 16) % 150)
const root = await mkdtemp(join(tmpdir(), 'berth-bench-'))
const config = { name: `bench-${prefix}`, prefix, root, pool: `10.${octet}.0.0/16` } as EngineConfig
const { table } = kernelNames(config)

const running = new Set<ChildProcess>()

/** A process in a network namespace of its own, where a container's would be. */
async function namespace(): Promise<{ pid: number; end(): Promise<void> }> {
  const child = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.add(child)
  await once(child.stdout, 'data')
  return {
    pid: child.pid ?? 0,
    end: async () => {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
      running.delete(child)
    },
  }
}

const times = new Map<string, number[]>()
async function timed<T>(what: string, work: () => Promise<T> | T): Promise<T> {
  const start = performance.now()
  const result = await work()
  times.set(what, [...(times.get(what) ?? []), performance.now() - start])
  return result
}

const networks = await openNetworks(config, openEvents(), () => undefined)
const [bridge, cable] = [`by${prefix}`, `bz${prefix}`]
const ip = (...args: string[]) => execFileSync('ip', args)
const nft = (...args: string[]) => execFileSync('nft', args)

/** The same result, the way shell scripts and most engines have it: a process a step. */
const byCommand = {
  connect(pid: number, address: string): void {
    const inside = (...args: string[]) => execFileSync('nsenter', [`--net=/proc/${pid}/ns/net`, 'ip', ...args])
    ip('link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid))
    ip('link', 'set', cable, 'master', bridge, 'up')
    ip('link', 'set', cable, 'type', 'bridge_slave', 'hairpin', 'on')
    inside('link', 'set', 'lo', 'up')
    inside('addr', 'add', `${address}/24`, 'dev', 'eth0')
    inside('link', 'set', 'eth0', 'up')
    inside('route', 'add', 'default', 'via', `10.${octet}.250.1`)
  },
  publish: (port: number, address: string) =>
    nft('add', 'element', 'inet', table, 'any', `{ tcp . ${port} : ${address} . 80 }`),
  release(port: number): void {
    nft('delete', 'element', 'inet', table, 'any', `{ tcp . ${port} }`)
    ip('link', 'delete', cable)
  },
}

try {
  await networks.restore([])
  ip('link', 'add', bridge, 'type', 'bridge')
  ip('addr', 'add', `10.${octet}.250.1/24`, 'dev', bridge)
  ip('link', 'set', bridge, 'up')
  for (let i = 0; i < count; i++) {
    const ours = await namespace()
    const id = `c${i}`
    await timed('connect', () =>
      networks.connect({ id, pid: ours.pid, names: [id], servers: [] }, { network: 'bridge', aliases: [] }),
    )
    const request = { protocol: 'tcp', containerPort: 80, hostIp: '', hostPort: 0 } as const
    const [bound] = await timed('publish', () => networks.publish(id, [request]))
    await timed('release', () => networks.release(id))
    await ours.end()

    const theirs = await namespace()
    const [address, port] = [`10.${octet}.250.2`, bound?.hostPort ?? 40_000]
    await timed('connect by commands', () => byCommand.connect(theirs.pid, address))
    await timed('publish by commands', () => byCommand.publish(port, address))
    await timed('release by commands', () => byCommand.release(port))
    await theirs.end()
  }
} finally {
  for (const child of running) child.kill('SIGKILL')
  execFileSync('ip', ['link', 'delete', bridge])
  await networks[Symbol.asyncDispose]()
  await destroyNetworks(config)
  await rm(root, { recursive: true })
}

const quantile = (list: readonly number[], q: number): number =>
  list.toSorted((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * q))] ?? NaN
const cell = (ms: number): string => ms.toFixed(1).padStart(8)
console.log(`${count} containers, one after the other; ms`)
console.log(`${''.padEnd(22)}${'median'.padStart(8)}${'p95'.padStart(8)}${'min'.padStart(8)}`)
for (const [what, list] of times)
  console.log(what.padEnd(22) + cell(quantile(list, 0.5)) + cell(quantile(list, 0.95)) + cell(quantile(list, 0)))
