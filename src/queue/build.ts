import type Docker from 'dockerode'
import type { Plan } from '../buildpacks/plan.js'
import { label, type Config } from '../config.js'
import { BerthError } from '../errors.js'
import { isAway, wordsOf } from '../scheduler/engine.js'
import type { App } from '../store/apps.js'
import { traceId, traceText, wantsBuildKit } from './buildkit.js'
import { buildContext } from './context.js'
import type { DeployLog } from './deploy-log.js'
import { events } from './events.js'

/** Name the plan's Dockerfile has in the context; no app's own file may be shadowed by it. */
const dockerfileName = '.berth.Dockerfile'

export interface BuildOrder {
  readonly app: App
  /** The tree. */
  readonly directory: string
  readonly plan: Plan
  readonly tag: string
}

/**
 * Builds an image on the engine; its output goes to the log as it comes.
 * @returns the image's id
 * @throws BerthError `invalid` in the engine's words when the build fails, `unavailable` when the engine went away
 */
export async function build(
  { config, docker }: { readonly config: Config; readonly docker: Docker },
  { app, directory, plan, tag }: BuildOrder,
  log: DeployLog,
  signal: AbortSignal,
): Promise<string> {
  const own = plan.buildpack === 'dockerfile'
  const context = buildContext(
    directory,
    // the builder needs its own file, whatever .dockerignore says
    `${plan.dockerignore}\n!${own ? 'Dockerfile' : dockerfileName}`,
    own ? [] : [{ name: dockerfileName, text: plan.dockerfile }],
  )
  try {
    const output = await docker.buildImage(context, {
      t: tag,
      dockerfile: own ? 'Dockerfile' : dockerfileName,
      labels: { [label.instance]: config.name, [label.app]: app.id },
      forcerm: true,
      ...((await wantsBuildKit(docker)) ? { version: '2' as const } : {}),
      abortSignal: signal,
    })
    await report(output, log)
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
    context.destroy()
  }
}

/** Passes the engine's messages on to the log. @throws BerthError `invalid` when one of them is an error */
async function report(output: NodeJS.ReadableStream, log: DeployLog): Promise<void> {
  let partial = ''
  for await (const event of events(output)) {
    if (event.error !== undefined) {
      if (partial !== '') log.detail(partial)
      throw new BerthError('invalid', event.error.trim().replaceAll(dockerfileName, 'Dockerfile'))
    }
    const text = event.id === traceId ? await traceText(String(event.aux)) : (event.stream ?? '')
    const lines = (partial + text).split('\n')
    partial = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') log.detail(line)
    if (event.status !== undefined && event.progress === undefined)
      log.detail([event.id, event.status].filter(Boolean).join(': '))
  }
  if (partial.trim() !== '') log.detail(partial)
}
