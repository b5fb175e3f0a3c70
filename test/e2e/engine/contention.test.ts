import Docker from 'dockerode'
import { expect } from 'chai'
import { Agent } from 'node:http'
import { Readable } from 'node:stream'
import { archive } from '../../engine/images/lab.js'
import { drained } from '../../streams.js'
import { random, seedOf, type Random } from '../crash/random.js'
import { base, eventually, openEngine, oracle, type TestEngine } from './harness.js'

/** Clients at once, and how often each asks. */
const clients = 6
const rounds = Number(process.env.BERTH_TEST_ROUNDS ?? 50)

type Step = (docker: Docker, chance: Random) => Promise<unknown>

const names = ['c0', 'c1', 'c2']
const container = (docker: Docker, chance: Random): Docker.Container => docker.getContainer(chance.of(names))
const volumes = ['v0', 'v1']
const networks = ['n0', 'n1']
const images = ['i0:1', 'i1:1']

const create = (docker: Docker, chance: Random): Promise<Docker.Container> =>
  docker.createContainer({
    name: chance.of(names),
    Image: chance.of([base, base, ...images]),
    Cmd: chance.of([['sleep', '1000'], ['true'], ['sh', '-c', 'sleep 0.2; exit 3']]),
    ExposedPorts: { '80/tcp': {} },
    Volumes: chance.below(2) === 0 ? { '/anonymous': {} } : {},
    HostConfig: {
      NetworkMode: chance.of(['bridge', 'none', ...networks]),
      Binds: chance.below(2) === 0 ? [`${chance.of(volumes)}:/usr/lib/apt`] : [],
      PortBindings: chance.below(2) === 0 ? { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } : {},
      AutoRemove: chance.below(5) === 0, // with a restart policy it is refused
      RestartPolicy: { Name: chance.of(['no', 'no', 'always', 'on-failure']) },
    },
  })
const start: Step = (docker, chance) => container(docker, chance).start()
const thrice = (name: string, step: Step): Record<string, Step> => ({
  [name]: step,
  [`${name} again`]: step,
  [`${name} once more`]: step,
})

/** What clients ask, of the same few things. */
const steps: Readonly<Record<string, Step>> = {
  ...thrice('create', create),
  ...thrice('start', start),
  'create and start': async (docker, chance) => {
    await (await create(docker, chance)).start()
  },
  stop: (docker, chance) => container(docker, chance).stop({ t: 0 }),
  kill: (docker, chance) => container(docker, chance).kill({ signal: chance.of(['KILL', 'TERM', 'USR1']) }),
  restart: (docker, chance) => container(docker, chance).restart({ t: 0 }),
  pause: (docker, chance) => container(docker, chance).pause(),
  unpause: (docker, chance) => container(docker, chance).unpause(),
  rename: (docker, chance) => container(docker, chance).rename({ name: chance.of(names) }),
  update: (docker, chance) => container(docker, chance).update({ Memory: chance.of([64, 128]) << 20, MemorySwap: -1 }),
  rm: (docker, chance) => container(docker, chance).remove({ v: true, force: chance.below(2) === 0 }),
  'rm -f': (docker, chance) => container(docker, chance).remove({ v: true, force: true }),
  exec: async (docker, chance) => {
    const exec = await container(docker, chance).exec({ Cmd: ['sh', '-c', 'echo x > /tmp/x'], AttachStdout: true })
    await drained(await exec.start({}))
    await exec.inspect()
  },
  'cp in': (docker, chance) =>
    container(docker, chance).putArchive(Readable.from([archive([{ name: 'f', content: 'x' }])]), { path: '/tmp' }),
  'cp out': async (docker, chance) => drained(await container(docker, chance).getArchive({ path: '/etc/apt' })),
  export: async (docker, chance) => drained(await container(docker, chance).export()),
  diff: (docker, chance) => container(docker, chance).changes(),
  top: (docker, chance) => container(docker, chance).top(),
  stats: (docker, chance) => container(docker, chance).stats({ stream: false, 'one-shot': true }),
  resize: (docker, chance) => container(docker, chance).resize({ h: 20, w: 80 }),
  logs: (docker, chance) => container(docker, chance).logs({ stdout: true, stderr: true }),
  commit: (docker, chance) => container(docker, chance).commit({ repo: chance.of(['i0', 'i1']), tag: '1' }),
  tag: (docker, chance) =>
    docker.getImage(chance.of([base, ...images])).tag({ repo: chance.of(['i0', 'i1']), tag: '1' }),
  rmi: (docker, chance) => docker.getImage(chance.of(images)).remove({ force: chance.below(2) === 0 }),
  save: async (docker, chance) => drained(await docker.getImage(chance.of(images)).get()),
  build: async (docker, chance) => {
    const text = `FROM ${chance.of([base, ...images])}\nRUN echo ${chance.below(3)} > /x\n`
    const context = Readable.from([archive([{ name: 'Dockerfile', content: text }])])
    await drained(await docker.buildImage(context, { t: chance.of(images) }))
  },
  'volume create': (docker, chance) => docker.createVolume({ Name: chance.of(volumes) }),
  'volume rm': (docker, chance) => docker.getVolume(chance.of(volumes)).remove(),
  'network create': (docker, chance) => docker.createNetwork({ Name: chance.of(networks) }),
  'network rm': (docker, chance) => docker.getNetwork(chance.of(networks)).remove(),
  connect: (docker, chance) => docker.getNetwork(chance.of(networks)).connect({ Container: chance.of(names) }),
  disconnect: (docker, chance) =>
    docker.getNetwork(chance.of(networks)).disconnect({ Container: chance.of(names), Force: chance.below(2) === 0 }),
  prune: async (docker, chance) => {
    const prunes: (() => Promise<unknown>)[] = [
      () => docker.pruneContainers(),
      () => docker.pruneImages(),
      () => docker.pruneVolumes(),
      () => docker.pruneNetworks(),
      () => docker.pruneBuilder(),
    ]
    await chance.of(prunes)()
  },
}

describe('clients that want the same things at once', function () {
  if (process.getuid?.() !== 0 || oracle) return
  const seed = seedOf()
  let engine: TestEngine
  before(async () => (engine = await openEngine()))
  after(() => engine[Symbol.asyncDispose]())

  it(`are each answered, or told what is in the way (BERTH_TEST_SEED=${seed})`, async () => {
    const chance = random(seed)
    const faults: string[] = []
    const answered = new Set<string>()
    const client = async (mine: Random): Promise<void> => {
      const docker = new Docker({ socketPath: engine.socket, agent: new Agent({ keepAlive: false }) } as object)
      for (let round = 0; round < rounds; round++) {
        const name = mine.of(Object.keys(steps))
        try {
          await steps[name]?.(docker, mine)
          answered.add(name)
        } catch (error) {
          const { statusCode = 0 } = error as { statusCode?: number }
          if (statusCode < 300 || statusCode >= 500) faults.push(`${name}: ${String(error)}`)
        }
      }
    }
    await Promise.all(Array.from({ length: clients }, (_, i) => client(chance.fork(`client ${i}`))))
    expect(faults).to.deep.equal([])
    expect(answered.size, [...answered].join()).to.be.greaterThan(Object.keys(steps).length / 2)
    await engine.clear()
    await eventually(async () => (await engine.traces()).length === 0, 'the end of all processes and mounts')
  })
})
