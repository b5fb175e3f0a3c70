import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../../run.js'

/** A real dockerd with a root, network and mount namespace of its own; it touches nothing of the host. */
export interface Dockerd extends AsyncDisposable {
  readonly dir: string
  readonly socket: string
  /** Arguments of nsenter(1) for where its published ports are. */
  readonly namespace: readonly string[]
  pid(): number
  boot(): Promise<void>
  stop(signal: NodeJS.Signals): Promise<void>
}

/** How a daemon is started otherwise than by default. */
export interface Start {
  /** Options that both dockerd and Berth's engine have. */
  readonly flags?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** A directory in place of /etc/docker/certs.d. */
  readonly certificates?: string
  /** Berth's from dist, as people run it, instead of from its source. */
  readonly built?: boolean
  /** Gives its state a disk of its own in memory, no larger than this (`130m`). */
  readonly disk?: string
  /** Of Berth's: its daemon says nothing. */
  readonly mute?: boolean
  /** Of Berth's: puts something under its root directory before it starts first, which is disposed of at the end. */
  readonly under?: (root: string) => Promise<AsyncDisposable>
}

/** A shell's commands that mount it in the daemon's mount namespace. */
export const mountDisk = (root: string, size: string): string =>
  `mkdir -p ${root}; mount -t tmpfs -o size=${size} tmpfs ${root};`

/** The same for what is volatile: in memory, as /run is on a server. */
export const mountRun = (run: string): string => mountDisk(run, '1g')

/** dockerd re-executes itself through `unshare`, so that its bridge and nat rules are in namespaces that end with it. */
export async function openDockerd({ flags = [], env: more = {}, certificates, disk }: Start = {}): Promise<Dockerd> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-dockerd-'))
  const socket = join(dir, 'engine.sock')
  const env = { ...process.env, DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: dir }
  const settings = '/etc/docker/certs.d'
  const inside = [
    ...(certificates === undefined ? [] : [`mkdir -p ${settings}; mount --bind ${certificates} ${settings};`]),
    ...(disk === undefined ? [] : [mountDisk(`${dir}/root`, disk)]),
    mountRun(`${dir}/run`),
    'ip link set lo up; sysctl -qw net.ipv4.ip_forward=1;',
    `exec dockerd -H unix://${socket} --data-root ${dir}/root --exec-root ${dir}/run -p ${dir}/pid`,
    '--storage-driver overlay2 --exec-opt native.cgroupdriver=cgroupfs --bip 172.29.0.1/16 --log-level error',
    ...flags,
  ]
  const args = ['--net', '--mount', '--propagation', 'private', 'sh', '-c', inside.join(' ')]
  let daemon: ChildProcess | undefined

  const dockerd: Dockerd = {
    dir,
    socket,
    get namespace() {
      return [`--net=/proc/${dockerd.pid()}/ns/net`]
    },
    pid: () => daemon?.pid ?? 0,
    boot: async () => {
      daemon = spawn('unshare', args, { stdio: 'ignore', detached: true, env: { ...process.env, ...more } })
      const late = Date.now() + 30_000
      while ((await run('docker', ['version'], { env })).code !== 0)
        if (daemon.exitCode !== null || Date.now() > late) throw new Error('dockerd did not come up')
    },
    stop: async (signal) => {
      const going = daemon
      daemon = undefined
      if (!going || going.exitCode !== null) return
      const gone = once(going, 'exit')
      going.kill(signal)
      await gone
    },
    [Symbol.asyncDispose]: async () => {
      const { stdout } = await run('docker', ['ps', '-aq'], { env })
      const left = stdout.split('\n').filter(Boolean)
      if (left.length > 0) await run('docker', ['rm', '-fv', ...left], { env })
      await dockerd.stop('SIGTERM')
      await run('sh', ['-c', `grep -F ' ${dir}/' /proc/self/mounts | cut -d' ' -f2 | xargs -r umount -l`])
      await rm(dir, { recursive: true, force: true })
    },
  }
  return dockerd
}
