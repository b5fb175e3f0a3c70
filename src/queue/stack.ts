import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { nodeMajors } from '../buildpacks/node-version.js'
import { sha256, type Config } from '../config.js'
import type { EngineClient } from '../engine-client/client.js'
import { finished } from '../engine-client/progress.js'
import { BerthError, messageOf } from '../errors.js'
import type { Store } from '../store/store.js'
import { buildContext } from './context.js'
import { nodeParts, nodeRoot, type NodeParts } from './node-root.js'

const from = /^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*(\S+)/gim
const nodeName = /^(?:docker\.io\/)?(?:library\/)?node:(\d{1,3}(?:\.\d{1,4}){0,2})-(?:bookworm-)?slim$/
/** How long a registry has for its first word, in milliseconds: where none can be reached, images are made here. */
const registryMs = 15_000
/** A stack image is looked after this often, in milliseconds: patches arrive a day late at most. */
const freshMs = 24 * 60 * 60 * 1000
const partsLabel = 'berth.stack.parts'

interface StackDeps {
  readonly config: Config
  readonly store: Store
  readonly engine: EngineClient
}

const making = new Map<string, Promise<void>>()

/** The Node.js images a Dockerfile begins with that Berth knows how to make: image name -> version. */
export function nodeImagesOf(dockerfile: string): Map<string, string> {
  const names = [...dockerfile.matchAll(from)].map(([, name = '']) => name)
  const found = names.flatMap((name): [string, string][] => {
    const version = nodeName.exec(name)?.[1]
    return version !== undefined && nodeMajors.includes(Number(version.split('.')[0])) ? [[name, version]] : []
  })
  return new Map(found)
}

/**
 * Sees to it that the engine has the Node.js images a Dockerfile begins with: the official ones where a registry can be
 * reached; else they are made here from Debian and the npm packages of Node.js and its tools, and tagged with the official
 * names, so that the Dockerfile builds anywhere. One that is there is used as it is, and looked after once a day: the
 * next push has what is newer.
 * @throws BerthError `unavailable` saying what could not be reached
 */
export async function ensureStack(deps: StackDeps, dockerfile: string, say: (line: string) => void): Promise<void> {
  for (const [name, version] of nodeImagesOf(dockerfile)) {
    if ((await deps.engine.images.inspect(name)) !== null) {
      // a newer one is not worth a push that fails, or waits
      void once(deps, name, () => renew(deps, name, version)).catch((error: unknown) =>
        process.emitWarning(`the stack image ${name} is as it was: ${messageOf(error)}`),
      )
      continue
    }
    await once(deps, name, async () => {
      if (!(await pulls(deps.engine, name))) await make(deps, name, version, say)
      await looked(deps, name)
    })
  }
}

/** One at a time for each image, however many pushes want it. */
function once({ config }: StackDeps, name: string, work: () => Promise<void>): Promise<void> {
  const key = `${config.engineSocket} ${name}`
  const running = making.get(key) ?? work().finally(() => making.delete(key))
  making.set(key, running)
  return running
}

/** Notes that an image was looked after just now. */
const looked = ({ store }: StackDeps, name: string): Promise<unknown> =>
  store.redis.hset('stacks:looked', name, Date.now())

async function renew(deps: StackDeps, name: string, version: string): Promise<void> {
  const { config, engine } = deps
  if (Date.now() - Number(await deps.store.redis.hget('stacks:looked', name)) < freshMs) return
  await looked(deps, name)
  const made = (await engine.images.inspect(name))?.Config.Labels[partsLabel]
  if (made === undefined) await pulls(engine, name)
  else if (!(await pulls(engine, name)) && made !== labelOf(await nodeParts(config.cache, version)))
    await make(deps, name, version, () => undefined)
}

const labelOf = (parts: NodeParts): string =>
  Object.entries(parts)
    .map(([name, version]) => `${name}@${version}`)
    .join(' ')

async function pulls(engine: EngineClient, name: string): Promise<boolean> {
  const silent = new AbortController()
  const timer = setTimeout(() => silent.abort(), registryMs)
  try {
    for await (const event of engine.images.pull(name, silent.signal)) {
      clearTimeout(timer)
      if (event.error !== undefined) return false
    }
    return true
  } catch {
    return false // no registry, none that has it, or not now: it is made here, which says why when it cannot be
  } finally {
    clearTimeout(timer)
  }
}

/** Debian's packages in the image: git for dependencies that are repositories, and what newer Node.js is linked with. */
const debian = 'ca-certificates git libatomic1'

/** What is made is run before it is called made: a Node.js that lacks a library does not get into anybody's app. */
const dockerfileOf = (parts: NodeParts, node: string): string =>
  [
    'FROM debian:bookworm-slim',
    'RUN groupadd --gid 1000 node && useradd --uid 1000 --gid node --shell /bin/bash --create-home node',
    `RUN apt-get update -q && apt-get install -qy --no-install-recommends ${debian} && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc/* /usr/share/man/*`,
    'COPY usr /usr',
    'RUN for command in node npm npx corepack yarn git; do "$command" --version >/dev/null || exit 1; done; rm -rf /root/.npm /tmp/*',
    `ENV NODE_VERSION=${node} YARN_VERSION=${parts.yarn ?? ''}`,
    `LABEL ${partsLabel}="${labelOf(parts)}"`,
    'CMD ["node"]',
    '',
  ].join('\n')

async function make(
  { config, engine }: StackDeps,
  name: string,
  version: string,
  say: (line: string) => void,
): Promise<void> {
  say(`Making the stack image ${name} (once a machine; takes a minute)`)
  try {
    const parts = await nodeParts(config.cache, version)
    if (!(await loads(config, engine, name, parts))) {
      await using root = await nodeRoot(config.cache, parts)
      const dockerfile = { name: 'Dockerfile.stack', text: dockerfileOf(parts, root.node) }
      const context = buildContext(root.directory, '', [dockerfile])
      await finished(engine.builds.build(context, { builder: 'plain', tag: name, dockerfile: 'Dockerfile.stack' }))
      await save(config, engine, name, parts)
    }
    const [node = ''] = Object.values(parts)
    say(`Made ${name} with Node.js ${node}, npm ${parts.npm ?? ''}`)
  } catch (error) {
    throw new BerthError(
      'unavailable',
      `the stack image ${name} could not be made: ${messageOf(error)}`,
      'the npm registry and the Debian mirror must be within reach the first time; then push again',
      error,
    )
  }
}

/** Where instances that share a cache keep an image for each other; null where none is shared. */
const archiveOf = (config: Config, name: string, parts: NodeParts): string | null =>
  config.cache === join(config.root, 'cache')
    ? null
    : join(config.cache, 'npm', `stack-${sha256(`${name} ${labelOf(parts)}`)}.tar`)

async function loads(config: Config, engine: EngineClient, name: string, parts: NodeParts): Promise<boolean> {
  const archive = archiveOf(config, name, parts)
  if (archive === null || !existsSync(archive)) return false
  await finished(engine.images.load(createReadStream(archive)))
  return true
}

async function save(config: Config, engine: EngineClient, name: string, parts: NodeParts): Promise<void> {
  const archive = archiveOf(config, name, parts)
  if (archive === null) return
  await mkdir(dirname(archive), { recursive: true })
  const draft = `${archive}.${randomUUID()}`
  try {
    await pipeline(await engine.images.save(name), createWriteStream(draft))
    await rename(draft, archive)
  } finally {
    await rm(draft, { force: true })
  }
}
