import type { Dockerfile } from './dockerfile.js'
import type { BuildRequest } from './job.js'
import { predefinedArgs } from './scope.js'

/** Tells of build arguments that no ARG takes. */
export async function warnUnused(dockerfile: Dockerfile, request: BuildRequest): Promise<void> {
  const stages = dockerfile.stages.flatMap(({ instructions }) => instructions)
  const declared = new Set(
    [...dockerfile.globals, ...stages].flatMap((one) => (one.kind === 'ARG' ? one.args.map(({ name }) => name) : [])),
  )
  const unused = [...request.buildArgs.keys()].filter((name) => !declared.has(name) && !predefinedArgs.includes(name))
  if (unused.length > 0) await request.out(`[Warning] One or more build-args [${unused.join(' ')}] were not consumed\n`)
}
