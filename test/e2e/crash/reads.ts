import type Docker from 'dockerode'
import { drained } from '../../streams.js'
import type { Lane } from './script.js'

/** What was listed may be gone (404) or not in the state for it (409) when it is asked about; anything else is a fault. */
async function asked(what: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const { statusCode } = error as { statusCode?: number }
    if (statusCode !== 404 && statusCode !== 409) throw new Error(`${what}: ${String(error)}`, { cause: error })
  }
}

const lists: Readonly<Record<string, (docker: Docker) => Promise<unknown>>> = {
  info: (docker) => docker.info(),
  'system df': async (docker) => {
    const used = (await docker.df()) as Record<string, unknown>
    for (const kind of ['Images', 'Containers', 'Volumes', 'BuildCache'])
      if (!Array.isArray(used[kind])) throw new Error(`no ${kind} in ${JSON.stringify(used)}`)
  },
  ps: (docker) => docker.listContainers({ all: true, size: true }),
  images: (docker) => docker.listImages({ all: true, 'shared-size': true } as object),
  volumes: (docker) => docker.listVolumes(),
  networks: (docker) => docker.listNetworks(),
}

/** Asks for everything there is to be read, and about each of the things told of. */
export const reads: Lane = async ({ docker, random }) => {
  for (const [name, list] of Object.entries(lists)) await asked(`list ${name}`, () => list(docker))
  for (const { Id } of await docker.listContainers({ all: true })) {
    const container = docker.getContainer(Id)
    await asked('inspect', () => container.inspect({ size: true } as object))
    await asked('top', () => container.top())
    await asked('stats', () => container.stats({ stream: false, 'one-shot': true }))
    await asked('logs', () => container.logs({ stdout: true, stderr: true }))
    await asked('diff', () => container.changes())
    await asked('cp', async () => drained(await container.getArchive({ path: '/etc/apt' })))
  }
  const images = await docker.listImages({ all: true })
  for (const { Id } of images) {
    await asked('image inspect', () => docker.getImage(Id).inspect())
    await asked('history', () => docker.getImage(Id).history())
  }
  const { Id } = random.of(images)
  await asked('save', async () => drained(await docker.getImage(Id).get()))
  for (const { Name } of (await docker.listVolumes()).Volumes)
    await asked('volume inspect', () => docker.getVolume(Name).inspect())
  for (const { Id } of await docker.listNetworks())
    await asked('network inspect', () => docker.getNetwork(Id).inspect())
}
