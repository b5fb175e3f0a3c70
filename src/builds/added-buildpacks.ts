import { z } from 'zod'
import type { Buildpack } from '../buildpacks/buildpack.js'
import { declaredTypes } from '../buildpacks/procfile.js'
import type { Tree } from '../buildpacks/tree.js'
import { BerthError, messageOf } from '../errors.js'
import { problemsOf } from '../plugins/module.js'
import type { BuildpackPlugin } from '../plugins/kinds/buildpack.js'
import type { RunningPlugins } from '../plugins/running.js'

const typeName = /^[A-Za-z0-9_-]{1,63}$/
const line = z.string().min(1).max(1000)

/** What a plugin may answer with. */
const Answer = z.strictObject({
  found: z.string().min(1).max(80),
  version: z.string().max(40).default(''),
  dockerfile: z.string().min(1).max(1_000_000),
  dockerignore: z.string().max(100_000).default(''),
  processTypes: z
    .record(z.string(), line)
    .refine((types) => Object.keys(types).every((type) => typeName.test(type)), 'no name of a process type'),
  port: z.int().min(1).max(65_535).optional(),
  notes: z.array(line).max(50).default([]),
})

/** The buildpacks that plugins bring, in the order of what they require. */
export async function addedBuildpacks(plugins: Pick<RunningPlugins, 'running'>): Promise<readonly Buildpack[]> {
  return (await plugins.running('buildpack')).map(({ name, instance }) => buildpackOf(name, instance))
}

const buildpackOf = (name: string, plugin: BuildpackPlugin): Buildpack => ({
  name,
  takes: textOr(plugin.takes, `what the plugin ${name} takes`),
  landmark: textOr(plugin.landmark, ''),
  plan: (tree, variables) => {
    const answer = ask(name, () => plugin.plan(tree, variables))
    if (answer === null) return null
    const { processTypes, port, dockerignore, ...plan } = answer
    const declared = declaredTypes(tree)
    return {
      ...{ ...plan, buildpack: name, name: plan.found, ownDockerfile: false },
      processTypes: { ...processTypes, ...declared },
      dockerignore: ['.git', dockerignore, ignoredBy(tree)].join('\n'),
      origin: Object.keys(declared).length > 0 ? 'Procfile' : 'Dockerfile',
      ...(port !== undefined && { port }),
    }
  },
})

/** Nobody has checked what a plugin says of itself. */
const textOr = (value: unknown, other: string): string => (typeof value === 'string' ? value.slice(0, 200) : other)

const ignoredBy = (tree: Tree): string => tree.read('.dockerignore') ?? ''

/** @throws BerthError `invalid` of the plugin's own, and where it answers with no plan; `broken` of whatever else it throws */
function ask(name: string, plan: () => unknown): z.output<typeof Answer> | null {
  let answer: unknown
  try {
    answer = plan()
  } catch (cause) {
    if (cause instanceof BerthError) throw cause
    throw new BerthError('broken', `the buildpack ${name} failed: ${messageOf(cause)}`, fault(name), cause)
  }
  if (answer === null || answer === undefined) return null
  const read = Answer.safeParse(answer)
  if (read.success) return read.data
  const problem = answer instanceof Promise ? 'a promise, and is to answer at once' : problemsOf(read.error)
  throw new BerthError('broken', `the buildpack ${name} answers with no plan: ${problem.slice(0, 500)}`, fault(name))
}

const fault = (name: string): string =>
  `it is a plugin: whoever installed it may look at it, or \`berth plugins:disable ${name}\``
