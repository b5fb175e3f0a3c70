import type Docker from 'dockerode'
import { Readable } from 'node:stream'
import { archive } from '../../engine/images/lab.js'
import { drained } from '../../streams.js'
import { base } from '../engine/harness.js'
import type { Ledger } from './ledger.js'
import type { Random } from './random.js'
import { reads } from './reads.js'

/** What a lane of the script works with. */
export interface Stage {
  readonly docker: Docker
  readonly ledger: Ledger
  readonly random: Random
  /** Tells lanes of a kind apart in names. */
  readonly name: string
  /** References of images at a registry. */
  readonly remote: readonly string[]
  /** An image archive, and the name of its image. */
  readonly packed: { readonly name: string; readonly bytes: Buffer }
  /** Another number each time. */
  readonly next: () => number
}

/** A step of a lane: a few requests, one after the other. */
export type Lane = (stage: Stage) => Promise<void>

/** Follows an answer of many lines to its end, which must say that it was reached. */
async function follow(docker: Docker, stream: NodeJS.ReadableStream, last: RegExp): Promise<void> {
  const lines = await new Promise<{ stream?: string; status?: string }[]>((resolve, reject) =>
    docker.modem.followProgress(stream, (error, output: { stream?: string; status?: string }[]) =>
      error ? reject(error) : resolve(output),
    ),
  )
  const said = lines.map(({ stream = '', status = '' }) => `${stream}${status}`).join('\n')
  if (!last.test(said)) throw new Error(`the answer broke off after:\n${said.slice(-400)}`)
}

const pulls: Lane = async ({ docker, ledger, random, remote }) => {
  const name = random.of(remote)
  if (ledger.names('image').includes(name) && random.below(3) > 0)
    await ledger.change([`image ${name}`], 'gone', () => docker.getImage(name).remove({ force: true }))
  else await ledger.change([`image ${name}`], 'there', async () => follow(docker, await docker.pull(name), /Status: /))
}

const builds: Lane = async ({ docker, ledger, random, name, next }) => {
  const mine = ledger.names('image').filter((one) => one.startsWith(`built-${name}:`))
  if (mine.length > 3 || (mine.length > 0 && random.below(4) === 0)) {
    const doomed = random.of(mine)
    await ledger.change([`image ${doomed}`], 'gone', () => docker.getImage(doomed).remove({ force: true }))
    if (random.below(3) === 0) await docker.pruneBuilder()
    return
  }
  const tag = `built-${name}:${next()}`
  const steps = [
    `FROM ${base}`,
    `RUN --mount=type=cache,target=/c,id=${name} echo ${tag} >> /c/log && head -c 300000 /dev/urandom > /random`,
    ...(random.below(2) === 0 ? ['COPY text /text'] : []),
    `RUN mkdir -p /d/e && for i in 1 2 3 4 5 6 7 8; do echo $i > /d/e/$i; done && rm -rf /usr/share/base-files`,
    'VOLUME /made',
  ]
  const context = archive([
    { name: 'Dockerfile', content: `${steps.join('\n')}\n` },
    { name: 'text', content: `text ${tag}\n` },
  ])
  await ledger.change([`image ${tag}`], 'there', async () =>
    follow(docker, await docker.buildImage(Readable.from([context]), { t: tag }), /Successfully tagged/),
  )
}

const loads: Lane = async ({ docker, ledger, packed }) => {
  const image = `image ${packed.name}`
  await ledger.change([image], 'there', async () =>
    follow(docker, await docker.loadImage(Readable.from([packed.bytes])), /Loaded image/),
  )
  await ledger.change([image], 'gone', () => docker.getImage(packed.name).remove({ force: true }))
}

/** The directory of the image that new volumes are filled from. */
export const filled = '/usr/lib/apt'

/** Whether a container that ran runs again when the machine does. */
export const comesBack = (name: string): boolean => name.endsWith('-always')

const runs: Lane = async ({ docker, ledger, random, name, next }) => {
  const mine = ledger.names('running').filter((one) => one.startsWith(`run-${name}-`))
  const [dead] = ledger
    .names('container')
    .filter((one) => one.startsWith(`run-${name}-`) && !ledger.names('running').includes(one))
  if (dead !== undefined && mine.length < 3) {
    await ledger.change([`running ${dead}`], 'there', () => docker.getContainer(dead).start())
    return
  }
  if (dead !== undefined) {
    await ledger.change([`container ${dead}`], 'gone', () => docker.getContainer(dead).remove({ v: true }))
    return
  }
  if (mine.length < 3) {
    const id = `run-${name}-${next()}${random.below(3) === 0 ? '-always' : ''}`
    const network = random.of([
      'bridge',
      'bridge',
      'none',
      ...ledger.names('network').filter((one) => one.startsWith('fixed')),
    ])
    const volume = random.below(2) === 0 ? [`vol-${id}`] : []
    const things = [`container ${id}`, ...volume.map((one) => `volume ${one}`)]
    const container = await ledger.change(things, 'there', () =>
      docker.createContainer({
        name: id,
        Image: base,
        Cmd: ['sh', '-c', 'echo began; exec sleep 100000'],
        ExposedPorts: { '80/tcp': {} },
        Volumes: random.below(2) === 0 ? { '/anonymous': {} } : {},
        HostConfig: {
          NetworkMode: network,
          Binds: volume.map((one) => `${one}:${filled}`),
          PortBindings: random.below(2) === 0 ? { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } : {},
          RestartPolicy: { Name: comesBack(id) ? 'always' : 'no' },
        },
      }),
    )
    await ledger.change([`running ${id}`], 'there', () => container.start())
    return
  }
  const one = random.of(mine)
  const container = docker.getContainer(one)
  switch (random.below(6)) {
    case 0:
      if (comesBack(one)) {
        await ledger.change([`running ${one}`], 'there', () => container.restart({ t: 0 }))
        return
      }
      await ledger.change([`running ${one}`], 'gone', () => container.stop({ t: 0 }))
      await ledger.change([`running ${one}`], 'there', () => container.start())
      return
    case 1: {
      const tag = `committed:${one}-${next()}`
      const [repo, word] = tag.split(':')
      await ledger.change([`image ${tag}`], 'there', () => container.commit({ repo, tag: word }))
      await ledger.change([`image ${tag}`], 'gone', () => docker.getImage(tag).remove({ force: true }))
      return
    }
    case 2: {
      const exec = await container.exec({ Cmd: ['sh', '-c', 'echo x > /tmp/x'], AttachStdout: true })
      await drained(await exec.start({}))
      return
    }
    default: {
      await ledger.change([`container ${one}`, `running ${one}`], 'gone', () =>
        container.remove({ force: true, v: true }),
      )
      const volume = `vol-${one}`
      if (ledger.names('volume').includes(volume))
        await ledger.change([`volume ${volume}`], 'gone', () => docker.getVolume(volume).remove())
    }
  }
}

/** `docker run --rm`: gone as soon as it is over. */
const brief: Lane = async ({ docker, ledger, random, name, next }) => {
  const id = `brief-${name}-${next()}`
  await ledger.change([`container ${id}`], 'gone', async () => {
    const container = await docker.createContainer({
      name: id,
      Image: base,
      Cmd: ['true'],
      Volumes: random.below(2) === 0 ? { '/anonymous': {} } : {},
      HostConfig: { AutoRemove: true },
    })
    await Promise.all([container.wait({ condition: 'removed' }), container.start()])
  })
}

/** Removes a container that a life before this one left of a lane. @returns whether there was one */
async function clear({ docker, ledger }: Stage, prefix: string): Promise<boolean> {
  const left = ledger.names('container').find((one) => one.startsWith(prefix))
  if (left === undefined) return false
  const things = ['exit', 'member'].flatMap((kind) =>
    ledger.names(kind).flatMap((one) => (one.startsWith(`${left} `) ? [`${kind} ${one}`] : [])),
  )
  await ledger.change([`container ${left}`, ...things], 'gone', () =>
    docker.getContainer(left).remove({ force: true, v: true }),
  )
  return true
}

/** Makes a tree that is deeper than a path can be long, in the container's layer and in a volume. */
const nest = (directory: string): string =>
  `(cd ${directory} && perl -e 'for (1..2200) { mkdir "d" or die; chdir "d" or die }'); `

/** One that is kept with what became of it, and now and then with such trees. */
const ends: Lane = async (stage) => {
  const { docker, ledger, random, name, next } = stage
  if (await clear(stage, `end-${name}-`)) return
  const id = `end-${name}-${next()}`
  const code = 1 + random.below(100)
  const container = await ledger.change([`container ${id}`], 'there', () =>
    docker.createContainer({
      name: id,
      Image: base,
      Cmd: ['sh', '-c', `${random.below(8) === 0 ? nest('/srv') + nest('/v') : ''}exit ${code}`],
      Volumes: { '/v': {} },
    }),
  )
  const exit = `exit ${id} ${code}`
  await ledger.change([exit], 'there', () =>
    Promise.all([container.wait({ condition: 'next-exit' }), container.start()]),
  )
  await ledger.change([`container ${id}`, exit], 'gone', () => container.remove({ v: true }))
}

/** Changes of records alone. */
const notes: Lane = async (stage) => {
  const { docker, ledger, name, next } = stage
  if (await clear(stage, `note-${name}-`)) return
  const [id, renamed] = [`note-${name}-${next()}`, `note-${name}-${next()}`]
  const container = await ledger.change([`container ${id}`], 'there', () =>
    docker.createContainer({ name: id, Image: base, Cmd: ['true'] }),
  )
  await ledger.change([`container ${renamed}`], 'there', () =>
    ledger.change([`container ${id}`], 'gone', () => container.rename({ name: renamed })),
  )
  const member = `member ${renamed} fixed-1`
  await ledger.change([member], 'there', () => docker.getNetwork('fixed-1').connect({ Container: renamed }))
  await ledger.change([`image ${id}:1`], 'there', () => docker.getImage(base).tag({ repo: id, tag: '1' }))
  await ledger.change([`image ${id}:1`], 'gone', () => docker.getImage(`${id}:1`).remove())
  await ledger.change([member], 'gone', () => docker.getNetwork('fixed-1').disconnect({ Container: renamed }))
  await ledger.change([`container ${renamed}`], 'gone', () => container.remove())
}

const places: Lane = async ({ docker, ledger, name, next }) => {
  const id = `place-${name}-${next()}`
  await ledger.change([`network ${id}`], 'there', () => docker.createNetwork({ Name: id }))
  await ledger.change([`volume ${id}`], 'there', () => docker.createVolume({ Name: id }))
  await ledger.change([`network ${id}`], 'gone', () => docker.getNetwork(id).remove())
  await ledger.change([`volume ${id}`], 'gone', () => docker.getVolume(id).remove())
}

/** The lanes that change things, and run beside each other: a few of some. */
export const changing: Readonly<Record<string, Lane>> = {
  'pulls-a': pulls,
  'builds-a': builds,
  'loads-a': loads,
  'runs-a': runs,
  'runs-b': runs,
  'brief-a': brief,
  'ends-a': ends,
  'notes-a': notes,
  'places-a': places,
}

/** All lanes. */
export const lanes: Readonly<Record<string, Lane>> = { ...changing, 'reads-a': reads, 'reads-b': reads }
