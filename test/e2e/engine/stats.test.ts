import { expect } from 'chai'
import { existsSync } from 'node:fs'
import { base, eventually, openDocker, type DockerEngine } from './harness.js'

const v1 = existsSync('/sys/fs/cgroup/memory')

interface Sample {
  readonly read: string
  readonly preread: string
  readonly cpu_stats: { readonly cpu_usage: { readonly total_usage: number; readonly percpu_usage?: number[] } }
  readonly precpu_stats: { readonly cpu_usage: { readonly total_usage: number } }
  readonly memory_stats: { readonly usage?: number; readonly limit?: number }
  readonly pids_stats: { readonly current?: number }
  readonly blkio_stats: Readonly<Record<string, { op: string; value: number }[] | null>>
  readonly networks?: Readonly<Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>>
}

describe('stats', function () {
  if (process.getuid?.() !== 0) return
  let engine: DockerEngine
  before(async () => {
    engine = await openDocker()
    await engine.must('run', '-d', '--name', 'ss', '-m', '64m', base, 'sh', '-c', 'while :; do :; done')
  })
  after(() => engine[Symbol.asyncDispose]())

  const ask = async (query: string, name = 'ss'): Promise<Sample[]> => {
    const url = `http://engine/v1.41/containers/${name}/stats?${query}`
    const { stdout } = await engine.run('curl', ['-s', '--max-time', '4', '--unix-socket', engine.socket, url])
    return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line) as Sample) // prettier-ignore
  }

  it('tell of processors, memory, processes and devices', async () => {
    const [one] = await ask('stream=false')
    expect(one?.cpu_stats.cpu_usage.total_usage).to.be.greaterThan(one?.precpu_stats.cpu_usage.total_usage ?? Infinity)
    expect(one?.precpu_stats.cpu_usage.total_usage).to.be.greaterThan(0)
    expect(one?.memory_stats.limit).to.equal(64 << 20)
    expect(one?.memory_stats.usage).to.be.within(1 << 12, 64 << 20)
    expect(one?.pids_stats.current).to.equal(1)
    if (!v1) return
    const perCpu = one?.cpu_stats.cpu_usage.percpu_usage ?? []
    expect(perCpu.reduce((sum, ns) => sum + ns, 0)).to.be.closeTo(one?.cpu_stats.cpu_usage.total_usage ?? 0, 2e8)
    const lists = 'io_merged io_queue io_service_bytes io_service_time io_serviced io_time io_wait_time sectors'
    expect(Object.keys(one?.blkio_stats ?? {}).sort()).to.deep.equal(
      lists.split(' ').map((name) => `${name}_recursive`),
    )
    for (const list of Object.values(one?.blkio_stats ?? {})) expect(list).to.be.an('array')
  })

  it('count what an interface carries', async () => {
    const send = 'use IO::Socket::INET; my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => "192.0.2.1:9"); ' +
      'print $s "x" x 1000 for 1 .. 20' // prettier-ignore
    const sent = async () => (await ask('stream=false&one-shot=true'))[0]?.networks?.eth0?.tx_bytes ?? 0
    const before = await sent()
    await engine.must('exec', 'ss', 'perl', '-e', send)
    // they wait while the gateway is looked for, and one may be lost
    await eventually(async () => (await sent()) - before > 19_000, 'what was sent')
  })

  it('compare with nothing when only one sample is wanted', async () => {
    const [one] = await ask('stream=false&one-shot=true')
    expect(one?.preread).to.equal('0001-01-01T00:00:00Z')
    expect(one?.precpu_stats.cpu_usage.total_usage).to.equal(0)
    expect(one?.cpu_stats.cpu_usage.total_usage).to.be.greaterThan(0)
  })

  it('stream one a second, each compared with the last', async () => {
    const samples = await ask('stream=true')
    expect(samples.length).to.be.within(2, 5)
    for (const [index, sample] of samples.entries())
      if (index > 0) expect(sample.preread).to.equal(samples[index - 1]?.read)
  })

  it('of a container that does not run are empty', async () => {
    await engine.must('create', '--name', 'idle', base, 'true')
    const [one] = await ask('stream=false', 'idle')
    expect(one?.read).to.equal('0001-01-01T00:00:00Z')
    expect(one?.memory_stats).to.deep.equal({})
    expect(one?.networks).to.equal(undefined)
  })

  it('of a container on the host’s network have no interfaces', async () => {
    await engine.must('run', '-d', '--name', 'hostly', '--network', 'host', base, 'sleep', '300')
    expect((await ask('stream=false&one-shot=true', 'hostly'))[0]?.networks).to.equal(undefined)
  })
})
