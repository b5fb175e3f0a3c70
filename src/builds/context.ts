import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { ImagePlan } from '../buildpacks/buildpack.js'
import { buildContext } from '../engine-client/build-context.js'
import { removeDirectory } from './files.js'

/** Name the plan's Dockerfile has in the context; an app that has a file of this name builds without it. */
export const dockerfileName = '.berth.Dockerfile'

/** A build's context, as `POST /build` takes it. */
export interface ContextUpload {
  readonly stream: Readable
  readonly options: { readonly dockerfile: string; readonly directory?: string }
  /** Takes away what was written to the tree. */
  readonly clear: () => Promise<unknown>
}

/**
 * The context of a plan: its tree, sent as an archive.
 * @param here the engine takes the tree as it lies on this machine's disk: nothing is sent. The plan's files are written to it.
 */
export async function contextOf(directory: string, plan: ImagePlan, here: boolean): Promise<ContextUpload> {
  const own = plan.ownDockerfile
  const dockerfile = own === false ? dockerfileName : own
  if (!here) {
    // the builder needs its own file, whatever .dockerignore says
    const ignored = `${plan.dockerignore}\n!${dockerfile}`
    const extras = own !== false ? [] : [{ name: dockerfile, text: plan.dockerfile }]
    return { stream: buildContext(directory, ignored, extras), options: { dockerfile }, clear: () => Promise.resolve() }
  }
  const ignoreFile = `${dockerfileName}.dockerignore`
  const written =
    own === false
      ? [
          { path: join(directory, dockerfileName), text: plan.dockerfile },
          { path: join(directory, ignoreFile), text: `${plan.dockerignore}\n${dockerfileName}\n${ignoreFile}\n` },
        ]
      : []
  for (const { path, text } of written) await replace(path, text)
  const clear = () => Promise.all(written.map(({ path }) => rm(path, { force: true })))
  return { stream: Readable.from([]), options: { dockerfile, directory }, clear }
}

/** The tree is the app's: what has the name there, a link perhaps, is not written through. */
async function replace(path: string, text: string): Promise<void> {
  await rm(path, { force: true }).catch(() => removeDirectory(path))
  await writeFile(path, text, { flag: 'wx' })
}
