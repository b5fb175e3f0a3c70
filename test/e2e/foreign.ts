import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { randomInt } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { must, run } from '../run.js'
import { mountRun, openDockerd } from './engine/oracle.js'
import { poolByte } from '../free.js'

/** An engine nobody here wrote, for the platform to deploy on; its containers' addresses are within reach of the host. */
export interface ForeignEngine extends AsyncDisposable {
  readonly socket: string
  /** Its own command line up to the arguments, in its namespaces. */
  readonly command: readonly string[]
}

/** Joins the network namespace of `pid` to the host: a veth, and a route to the pool its networks are cut from. */
async function uplink(pid: number, pool: number): Promise<void> {
  const link = `bt${randomInt(1e8)}`
  const inside = (...args: string[]) => must('nsenter', [`--net=/proc/${pid}/ns/net`, ...args])
  await must('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'up0', 'netns', String(pid)])
  await must('ip', ['addr', 'add', `10.${pool}.255.1/30`, 'dev', link])
  await must('ip', ['link', 'set', link, 'up'])
  await inside('ip', 'addr', 'add', `10.${pool}.255.2/30`, 'dev', 'up0')
  await inside('ip', 'link', 'set', 'up0', 'up')
  await inside('ip', 'route', 'add', 'default', 'via', `10.${pool}.255.1`)
  await must('ip', ['route', 'add', `10.${pool}.0.0/16`, 'via', `10.${pool}.255.2`]) // goes with the link
}

/** Debian's dockerd. */
export async function dockerd(base: string): Promise<ForeignEngine> {
  const pool = poolByte()
  const within = ['--default-address-pool', `base=10.${pool}.0.0/16,size=24`]
  // its default bridge as well: the last counts of options that are given twice
  const engine = await openDockerd({ flags: [...within, '--bip', `10.${pool}.254.1/24`] })
  try {
    await must('chmod', ['711', engine.dir])
    await engine.boot()
    await uplink(engine.pid(), pool)
    // on a host of its own the router's requests are not forwarded, they start there
    await must('nsenter', [...engine.namespace, 'iptables', '-I', 'DOCKER-USER', '-i', 'up0', '-j', 'ACCEPT'])
    await must('docker', ['-H', `unix://${engine.socket}`, 'import', base, 'debian:bookworm-slim'])
    const command = ['docker', '-H', `unix://${engine.socket}`]
    return {
      socket: engine.socket,
      command,
      [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
    }
  } catch (error) {
    await engine[Symbol.asyncDispose]()
    throw error
  }
}

/** Debian's podman with its Docker socket. */
export async function podman(base: string): Promise<ForeignEngine> {
  const pool = poolByte()
  const dir = await mkdtemp(join(tmpdir(), 'berth-podman-'))
  await must('chmod', ['711', dir])
  const socket = join(dir, 'podman.sock')
  const conf = join(dir, 'containers.conf')
  await writeFile(
    conf,
    [
      '[containers]',
      'default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]',
      '[engine]',
      'runtime = "runc"',
      'cgroup_manager = "cgroupfs"',
      'events_logger = "file"',
      '[network]',
      'network_backend = "netavark"',
      `network_config_dir = "${dir}/networks"`,
      `default_subnet_pools = [{"base" = "10.${pool}.0.0/16", "size" = 24}]`,
    ].join('\n'),
  )
  const places = ['--root', join(dir, 'root'), '--runroot', join(dir, 'run'), '--tmpdir', join(dir, 'tmp')]
  const env = { ...process.env, CONTAINERS_CONF: conf }
  const inside = ['--net', '--mount', '--propagation', 'private', 'sh', '-c']
  const service = ['podman', ...places, 'system', 'service', '--time', '0', `unix://${socket}`].join(' ')
  const ground = [mountRun(join(dir, 'run')), 'ip link set lo up; sysctl -qw net.ipv4.ip_forward=1;']
  const server = spawn('unshare', [...inside, [...ground, `exec ${service}`].join(' ')], {
    env,
    stdio: 'ignore',
    detached: true,
  })
  const engine: ForeignEngine = {
    socket,
    get command() {
      const variables = ['env', `CONTAINERS_CONF=${conf}`]
      const pid = String(server.pid)
      return ['nsenter', `--net=/proc/${pid}/ns/net`, `--mount=/proc/${pid}/ns/mnt`, ...variables, 'podman', ...places]
    },
    [Symbol.asyncDispose]: async () => {
      const docker = (...args: string[]) => run('docker', ['-H', `unix://${socket}`, ...args])
      const left = (await docker('ps', '-aq')).stdout.split('\n').filter(Boolean)
      if (left.length > 0) await docker('rm', '-fv', ...left)
      const gone = once(server, 'exit')
      server.kill('SIGTERM')
      await gone
      await run('sh', ['-c', `grep -F ' ${dir}/' /proc/self/mounts | cut -d' ' -f2 | xargs -r umount -l`])
      await rm(dir, { recursive: true, force: true })
    },
  }
  try {
    const docker = (...args: string[]) => run('docker', ['-H', `unix://${socket}`, ...args])
    const late = Date.now() + 30_000
    while ((await docker('version')).code !== 0) {
      if (server.exitCode !== null || Date.now() > late) throw new Error('podman did not come up')
      await sleep(50)
    }
    await must('chmod', ['666', socket])
    await uplink(server.pid ?? 0, pool)
    const [command = '', ...words] = engine.command
    await must(command, [...words, 'import', base, 'docker.io/library/debian:bookworm-slim'])
    return engine
  } catch (error) {
    await engine[Symbol.asyncDispose]()
    throw error
  }
}
