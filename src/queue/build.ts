import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import { npmReason } from '../buildpacks/npm-reason.js'
import type { Plan } from '../buildpacks/plan.js'
import { label, type Config } from '../config.js'
import { connectEngine } from '../docker.js'
import { BerthError } from '../errors.js'
import { LineSplitter } from '../lib/lines.js'
import { isAway, wordsOf } from '../scheduler/engine.js'
import type { App } from '../store/apps.js'
import { builderOf, traceId, traceText } from './buildkit.js'
import { contextOf, dockerfileName } from './context.js'
import type { DeployLog } from './deploy-log.js'
import { events } from './events.js'

export interface BuildOrder {
  readonly app: App
  /** The tree. */
  readonly directory: string
  readonly plan: Plan
  readonly tag: string
  /** Config vars, which are there while it is built and in no layer of it. */
  readonly variables: Readonly<Record<string, string>>
}

/**
 * Builds an image on the engine; its output goes to the log as it comes.
 * @returns the image's id
 * @throws BerthError `invalid` in the engine's words when the build fails, `unavailable` when the engine went away
 */
export async function build(
  { config, docker }: { readonly config: Config; readonly docker: Docker },
  { app, directory, plan, tag, variables }: BuildOrder,
  log: DeployLog,
  signal: AbortSignal,
): Promise<string> {
  let stream: Readable | undefined
  try {
    const builder = await builderOf(docker)
    const context = await contextOf(directory, plan, builder === 'here')
    stream = context.stream
    const output = await connectEngine(config, builder === 'here' ? headersOf(plan, variables) : {}).buildImage(
      stream,
      {
        ...context.options,
        t: tag,
        labels: { [label.instance]: config.name, [label.app]: app.id },
        forcerm: true,
        // the label keeps one app's caches from another on Berth's engine; BuildKit has a variable for that
        ...(builder === 'buildkit' ? { version: '2' as const, buildargs: { BUILDKIT_CACHE_MOUNT_NS: app.id } } : {}),
        abortSignal: signal,
      },
    )
    await report(output, plan, log)
    return (await docker.getImage(tag).inspect()).Id
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof BerthError) throw error
    const words = wordsOf(error).replaceAll(dockerfileName, 'Dockerfile')
    if (isAway(error))
      throw new BerthError(
        'unavailable',
        `the container engine went away during the build (${words})`,
        'push again',
        error,
      )
    throw new BerthError('invalid', words, undefined, error)
  } finally {
    stream?.destroy()
  }
}

/** A buildpack's steps have the config vars around them; an app's own Dockerfile asks for each, by `--mount=type=secret`. */
function headersOf(plan: Plan, variables: Readonly<Record<string, string>>): Record<string, string> {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  if (plan.buildpack !== 'dockerfile') return { 'X-Build-Env': encode(variables) }
  const secrets = Object.entries(variables).map(([name, value]) => [name, Buffer.from(value).toString('base64')])
  return { 'X-Build-Secrets': encode(Object.fromEntries(secrets) as object) }
}

/** So many of the last lines are looked through for the reason of a failure. */
const lastLines = 200

/** Passes the engine's messages on to the log. @throws BerthError `invalid` when one of them is an error */
async function report(output: NodeJS.ReadableStream, plan: Plan, log: DeployLog): Promise<void> {
  const lines = new LineSplitter()
  const last: string[] = []
  const say = (line: string): void => {
    if (last.push(line) > lastLines) last.shift()
    log.output(line)
  }
  for await (const event of events(output)) {
    if (event.error !== undefined) {
      say(lines.end())
      const words = event.error.trim().replaceAll(dockerfileName, 'Dockerfile')
      const reason = plan.buildpack === 'nodejs' ? npmReason(last) : null
      throw new BerthError('invalid', reason === null ? words : `${reason}\n${words}`)
    }
    const text = event.id === traceId ? await traceText(String(event.aux)) : (event.stream ?? '')
    for (const line of lines.read(text)) say(line)
    if (event.status !== undefined && event.progress === undefined)
      log.output([event.id, event.status].filter(Boolean).join(': '))
    await log.room()
  }
  log.output(lines.end())
}
