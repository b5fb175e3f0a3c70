import { join } from 'node:path'
import type { ImagePlan } from '../buildpacks/buildpack.js'
import { reasonOf } from '../buildpacks/reason.js'
import { label } from '../config.js'
import type { ImageDetails } from '../engine-client/images.js'
import { isAway } from '../engine-client/errors.js'
import type { ProgressMessage } from '../engine-client/progress.js'
import { BerthError, messageOf } from '../errors.js'
import { LineSplitter } from '../lib/lines.js'
import { own } from '../lib/own.js'
import type { App } from '../store/apps.js'
import { whyAbsent } from '../stacks/absent.js'
import type { StackDeps } from '../stacks/ensure.js'
import { registryAuths } from '../stacks/registries.js'
import { contextOf, dockerfileName, type ContextUpload } from './context.js'
import type { DeclaredCheck } from '../store/checks.js'
import { healthChecksIn } from './image-health.js'
import type { OperationLog } from './operation-log.js'
import { pullAgain, pulling } from './pull-again.js'

/** An image to build for an app. */
export interface ImageOrder {
  readonly app: App
  /** The tree. */
  readonly directory: string
  readonly plan: ImagePlan
  /** Name of the buildpack that made the plan. */
  readonly buildpack: string
  readonly tag: string
  /** Config vars, which are there while it is built and in no layer of it. */
  readonly variables: Readonly<Record<string, string>>
  /** What Berth says of the build, under the config vars: a build that differs in these alone has the same steps. */
  readonly stepVariables: Readonly<Record<string, string>>
  /** Whether every step is made anew. */
  readonly noCache: boolean
  /** Whether the images that it begins with are asked for again, although they are here. */
  readonly pull: boolean
}

/** An image that was built. */
export interface MadeImage {
  readonly id: string
  /** What its build took at most, in bytes; 0 where the engine does not say. */
  readonly memory: number
  /** That it listens on, as far as its Dockerfile or its source tells. */
  readonly port: number | undefined
  /** That its HEALTHCHECK makes, if its Dockerfile is the app's own. */
  readonly health: readonly DeclaredCheck[]
}

/**
 * Builds an image on the engine; its output goes to the log as it comes.
 * @throws BerthError `invalid` in the engine's words when the build fails, `unavailable` when the engine went away
 */
export async function buildImage(
  { config, engine, store }: StackDeps,
  { app, directory, plan, buildpack, tag, variables, stepVariables, noCache, pull }: ImageOrder,
  log: OperationLog,
  signal: AbortSignal,
): Promise<MadeImage> {
  let context: ContextUpload | undefined
  try {
    const builder = await engine.builds.builder()
    if (builder !== 'here') noteShown(plan, variables, log)
    const asks = pull && (plan.namesImages ?? plan.ownDockerfile !== false) // what a buildpack begins with is Berth's to renew
    context = await contextOf(join(directory, plan.context ?? '.'), plan, builder === 'here')
    const request = {
      ...context.options,
      ...(plan.target === undefined ? {} : { target: plan.target }),
      ...(plan.args === undefined ? {} : { args: plan.args }),
      builder,
      tag,
      labels: { [label.instance]: config.name, [label.app]: app.id },
      cacheNamespace: app.id,
      noCache,
      registries: await registryAuths(store.registryLogins),
      ...(builder === 'here'
        ? { headers: { ...headersOf(plan, variables, stepVariables), ...(asks && pulling) } }
        : {}),
    }
    if (asks && builder !== 'here') await pullAgain(engine, plan, request.registries, { log, signal })
    const { id, memory } = await report(engine.builds.build(context.stream, request, signal), { plan, buildpack }, log)
    const made = { port: plan.port, health: [] }
    if (id !== undefined && plan.ownDockerfile === false) return { id, memory, ...made }
    const image = await engine.images.inspect(tag)
    if (image === null) throw new Error('the engine does not have what it has built')
    const its = plan.ownDockerfile === false ? made : { port: portOf(image, plan), health: healthChecksIn(image) }
    return { id: image.Id, memory, ...its }
  } catch (error) {
    signal.throwIfAborted()
    throw buildError(error)
  } finally {
    context?.stream.destroy()
    await context?.clear()
  }
}

/** What the engine says of a build, for whoever pushed. */
function buildError(error: unknown): BerthError {
  if (error instanceof BerthError) return error
  const words = messageOf(error).replaceAll(dockerfileName, 'Dockerfile')
  return isAway(error) ? wentAway(words, error) : new BerthError('invalid', words, undefined, error)
}

/**
 * The port that an image exposes in TCP: of several the one that its Dockerfile names first, or else the lowest; where it
 * exposes none, the one that its command names.
 */
function portOf({ Config }: ImageDetails, { port }: ImagePlan): number | undefined {
  const { ExposedPorts } = Config as { readonly ExposedPorts?: Readonly<Record<string, object>> | null }
  const exposed = Object.keys(ExposedPorts ?? {})
  const ports = exposed.flatMap((name) => Number(/^(\d+)\/tcp$/.exec(name)?.[1] ?? NaN) || []).sort((a, b) => a - b)
  return port !== undefined && (ports.length === 0 || ports.includes(port)) ? port : ports[0]
}

const wentAway = (words: string, cause: unknown): BerthError =>
  new BerthError('unavailable', `the container engine went away during the build (${words})`, 'push again', cause)

/** A buildpack's steps have the config vars around them; an app's own Dockerfile asks for each, by `--mount=type=secret`. */
function headersOf(
  plan: ImagePlan,
  variables: Readonly<Record<string, string>>,
  stepVariables: Readonly<Record<string, string>>,
): Record<string, string> {
  const unkeyed = Object.keys(stepVariables).filter((name) => !Object.hasOwn(variables, name))
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  if (plan.ownDockerfile === false)
    return {
      'X-Build-Env': encode({ ...stepVariables, ...variables }),
      'X-Build-Unkeyed': unkeyed.join(','),
      ...(plan.early === undefined ? {} : { 'X-Build-Env-Early': plan.early.join(',') }),
    }
  const secrets = Object.entries(variables).map(([name, value]) => [name, Buffer.from(value).toString('base64')])
  return {
    'X-Build-Secrets': encode(Object.fromEntries(secrets) as object),
    'X-Build-Unkeyed': unkeyed.join(','),
    'X-Build-Args-Hidden': givenArgs(plan, variables).join(','),
  }
}

/** The ARGs of a Dockerfile that have the values of config vars. */
const givenArgs = ({ args = {} }: ImagePlan, variables: Readonly<Record<string, string>>): string[] =>
  Object.keys(args).filter((name) => own(variables, name) === args[name])

/** Names whose values are not for everyone to read. */
const secretName = /KEY|SECRET|TOKEN|PASS|PWD|CREDENTIAL|PRIVATE/i

/** What another engine does with an ARG: Berth's own keeps the value to itself. */
function noteShown(plan: ImagePlan, variables: Readonly<Record<string, string>>, log: OperationLog): void {
  for (const name of givenArgs(plan, variables).filter((name) => secretName.test(name)))
    log.detail(
      `Note: the history of the image keeps the value of ARG ${name}; RUN --mount=type=secret,id=${name} leaves none`,
    )
}

/** So many of the last lines are looked through for the reason of a failure. */
const lastLines = 200

/**
 * Passes the engine's messages on to the log. @returns the image's id, if they say it, and its memory
 * @throws BerthError `invalid` when one of them is an error
 */
async function report(
  messages: AsyncIterable<ProgressMessage>,
  { plan, buildpack }: Pick<ImageOrder, 'plan' | 'buildpack'>,
  log: OperationLog,
): Promise<{ id: string | undefined; memory: number }> {
  let id: string | undefined
  let memory = 0
  const lines = new LineSplitter()
  const last: string[] = []
  const say = (line: string): void => {
    if (last.push(line) > lastLines) last.shift()
    log.output(line)
  }
  for await (const event of messages) {
    if (event.error !== undefined) {
      say(lines.end())
      const words = event.error.trim().replaceAll(dockerfileName, 'Dockerfile')
      const failed = { error: words, image: plan }
      const reason = whyAbsent(last, failed) ?? reasonOf(buildpack, last, failed)
      throw new BerthError('invalid', reason === null ? words : `${reason}\n${words}`)
    }
    for (const line of lines.read(event.stream ?? '')) say(line)
    const { ID = id, Memory = memory } = (event.aux ?? {}) as { readonly ID?: string; readonly Memory?: number }
    ;[id, memory] = [ID, Memory]
    if (event.status !== undefined && event.progress === undefined)
      log.output([event.id, event.status].filter(Boolean).join(': '))
    await log.room()
  }
  log.output(lines.end())
  return { id, memory }
}
