import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { ImagePlan } from '../buildpacks/buildpack.js'
import { imagesIn } from '../buildpacks/dockerfile/outline.js'
import { sha256, type Config } from '../config.js'
import { buildContext } from '../engine-client/build-context.js'
import { engineBack } from '../engine-client/back.js'
import type { EngineClient } from '../engine-client/client.js'
import { isAway } from '../engine-client/errors.js'
import { finished, type ProgressMessage } from '../engine-client/progress.js'
import { BerthError, messageOf } from '../errors.js'
import type { Store } from '../store/store.js'
import { stacks } from './index.js'
import { authFor, registryAuths } from './registries.js'
import { lineOf, partsLabel, type Stack, type StackParts } from './stack.js'

/** How long a registry has for its first word, in milliseconds: where none can be reached, images are made here. */
const registryMs = 12_000
/** A stack image is looked after this often, in milliseconds: patches arrive a day late at most. */
const freshMs = 24 * 60 * 60 * 1000

/** An image that the engine went away from is begun again this often. */
const tries = 3

/** What seeing to stack images needs. */
export interface StackDeps {
  readonly config: Config
  readonly store: Store
  readonly engine: EngineClient
}

/** An image that a Dockerfile begins with and that Berth knows how to make. */
export interface StackImage {
  readonly name: string
  readonly stack: Stack
  readonly version: string
}

const making = new Map<string, Promise<void>>()

/** The images that a Dockerfile takes from elsewhere and that Berth knows how to make. @param args values of its ARGs */
export function stackImagesOf(dockerfile: string, args: Readonly<Record<string, string>> = {}): StackImage[] {
  return imagesIn(dockerfile, args).flatMap((name) =>
    stacks.flatMap((stack) => {
      const version = stack.versionOf(name)
      return version === null ? [] : [{ name, stack, version }]
    }),
  )
}

/** A Dockerfile that begins with an image where it says in full what a stack image is made of. */
export const withStackImages = (dockerfile: string): string =>
  stacks.reduce(
    (text, { stage }) => (stage === undefined ? text : text.replace(stage.text, `FROM ${stage.image}`)),
    dockerfile,
  )

/**
 * Sees to it that the engine has the stack images a Dockerfile begins with: the official ones where a registry can be
 * reached; else they are made here and tagged with the official names, so that the Dockerfile builds anywhere. One that is
 * there is used as it is, and looked after once a day: the next push has what is newer.
 * @throws BerthError `unavailable` saying what could not be reached
 */
export async function ensureStacks(
  deps: StackDeps,
  { dockerfile, args = {} }: Pick<ImagePlan, 'dockerfile' | 'args'>,
  say: (line: string) => void,
): Promise<void> {
  for (const image of stackImagesOf(dockerfile, args)) await ensureStack(deps, image, say)
}

/** The same for one image. */
export async function ensureStack(deps: StackDeps, image: StackImage, say: (line: string) => void): Promise<void> {
  if ((await deps.engine.images.inspect(image.name)) !== null) {
    // a newer one is not worth a push that fails, or waits
    void once(deps, image, () => renew(deps, image)).catch((error: unknown) =>
      process.emitWarning(`the stack image ${image.name} is as it was: ${messageOf(error)}`),
    )
    return
  }
  if (making.has(keyOf(deps, image))) say(`Waiting for the stack image ${image.name}, which is being made already`)
  await once(deps, image, async () => {
    if (!(await pulls(deps, image, say))) await make(deps, image, say)
    await looked(deps, image)
  })
}

/** One at a time for each image, however many pushes want it. */
function once(deps: StackDeps, image: StackImage, work: () => Promise<void>): Promise<void> {
  const key = keyOf(deps, image)
  const running = making.get(key) ?? work().finally(() => making.delete(key))
  making.set(key, running)
  return running
}

const keyOf = ({ config }: StackDeps, { name }: StackImage): string => `${config.engineSocket} ${name}`

/** Notes that an image was looked after just now. */
const looked = ({ store }: StackDeps, { name }: StackImage): Promise<unknown> =>
  store.redis.hset('stacks:looked', name, Date.now())

const silently = (): void => undefined

async function renew(deps: StackDeps, image: StackImage): Promise<void> {
  const { config, engine, store } = deps
  if (Date.now() - Number(await store.redis.hget('stacks:looked', image.name)) < freshMs) return
  await looked(deps, image)
  const made = (await engine.images.inspect(image.name))?.Config.Labels[partsLabel]
  if (made === undefined) await pulls(deps, image, silently)
  else if (
    !(await pulls(deps, image, silently)) &&
    made !== lineOf(await image.stack.parts(config.cache, image.version))
  )
    await make(deps, image, silently)
}

async function pulls(
  { engine, store }: StackDeps,
  { name, stack }: StackImage,
  say: (line: string) => void,
): Promise<boolean> {
  if (stack.stage !== undefined) return false
  const silent = new AbortController()
  let layers = false
  const timer = setTimeout(() => silent.abort(), registryMs)
  try {
    const auth = authFor(name, await registryAuths(store.registryLogins))
    for await (const event of engine.images.pull(name, silent.signal, auth)) {
      clearTimeout(timer)
      if (event.error !== undefined) return false
      if (!layers && event.id !== undefined && event.progress !== undefined) {
        layers = true
        say(`Pulling the stack image ${name} (once a machine)`)
      }
    }
    return true
  } catch {
    return false // no registry, none that has it, or not now: it is made here, which says why when it cannot be
  } finally {
    clearTimeout(timer)
  }
}

async function make(deps: StackDeps, image: StackImage, say: (line: string) => void, left = tries): Promise<void> {
  const { config, engine } = deps
  const { name, stack, version } = image
  say(`Making the stack image ${name} (once a machine; takes a minute)`)
  try {
    const parts = await stack.parts(config.cache, version)
    const archive = archiveOf(config, name, parts)
    if (archive !== null && existsSync(archive)) await finished(engine.images.load(createReadStream(archive)))
    else {
      say(`Fetching ${stack.describe(parts)}`)
      await using source = await stack.source(config.cache, parts)
      await ensureStacks(deps, source, say)
      const dockerfile = 'Dockerfile.stack'
      const context = buildContext(source.directory, '', [{ name: dockerfile, text: source.dockerfile }])
      say(`Building ${name}, with packages of the Debian mirror`)
      await built(engine.builds.build(context, { builder: 'plain', tag: name, dockerfile }))
      if (archive !== null) await save(engine, name, archive)
    }
    say(`Made ${name} with ${stack.describe(parts)}`)
  } catch (error) {
    if (error instanceof BerthError) throw error
    if (isAway(error) && left > 1) {
      say('The engine went away: beginning again')
      await engineBack(engine)
      return make(deps, image, say, left - 1)
    }
    throw new BerthError(
      'unavailable',
      `the stack image ${name} could not be made: ${messageOf(error)}`,
      `${stack.needs} must be within reach the first time; then push again`,
      error,
    )
  }
}

/**
 * Waits for the end of a build. @throws Error with what a step said to be the reason (`berth: …`), else in the engine's words
 * and the last of the step that failed
 */
async function built(messages: AsyncIterable<ProgressMessage>): Promise<void> {
  let last = ''
  let reason: string | undefined
  for await (const { stream = '', error } of messages) {
    if (error !== undefined) throw new Error(reason ?? `${error.trim()}: ${last}`)
    last = stream.trim().split('\n').at(-1) || last
    reason = /^berth: (.*)$/m.exec(stream)?.[1] ?? reason
  }
}

/** Where instances that share a cache keep an image for each other; null where none is shared. */
const archiveOf = (config: Config, name: string, parts: StackParts): string | null =>
  config.cache === join(config.root, 'cache')
    ? null
    : join(config.cache, 'npm', `stack-${sha256(`${name} ${lineOf(parts)}`)}.tar`)

async function save(engine: EngineClient, name: string, archive: string): Promise<void> {
  await mkdir(dirname(archive), { recursive: true })
  const draft = `${archive}.${randomUUID()}`
  try {
    await pipeline(await engine.images.save(name), createWriteStream(draft))
    await rename(draft, archive)
  } finally {
    await rm(draft, { force: true })
  }
}
