import { z } from 'zod'
import { BerthError } from '../../errors.js'
import { parseJson } from '../json.js'
import type { Tree } from '../tree.js'

const dependencies = z.record(z.string(), z.string()).default({})
const version = z.string().optional()
const versions = z.looseObject({ node: version, npm: version, yarn: version, pnpm: version, bun: version })

/** What `devEngines` names; anything that is no such thing is nobody's reason to refuse an app. */
const engine = z.object({ name: z.string(), version: z.string() })
const engines = z
  .union([engine, z.array(engine)])
  .optional()
  .catch(undefined)

/** The part of a package.json that decides how an app is built and run. */
const PackageJson = z.looseObject({
  name: z.string().optional(),
  main: z.string().optional(),
  scripts: z.record(z.string(), z.string()).default({}),
  engines: versions.default({}),
  volta: versions.default({}),
  devEngines: z.looseObject({ runtime: engines, packageManager: engines }).default({}).catch({}),
  packageManager: z.string().optional(),
  dependencies,
  devDependencies: dependencies,
  optionalDependencies: dependencies,
  peerDependencies: dependencies,
  trustedDependencies: z.unknown().optional(),
  pnpm: z.looseObject({}).optional(),
  prisma: z.unknown().optional(),
  exports: z.unknown().optional(),
  workspaces: z.unknown().optional(),
})

export type PackageJson = z.infer<typeof PackageJson>

/** @throws SourceError when it is not JSON, BerthError `invalid` naming the field that is of the wrong kind */
export function parsePackageJson(text: string, file = 'package.json'): PackageJson {
  const parsed = PackageJson.safeParse(parseJson(file, text))
  if (!parsed.success)
    throw new BerthError('invalid', `${file}: ${z.prettifyError(parsed.error).replace(/\s*\n\s*/g, ' ')}`)
  return parsed.data
}

/** An app: its folder, and the package.json of it. */
export interface NodeApp {
  readonly tree: Tree
  readonly pkg: PackageJson
  /** Where the folder is in its workspace; '.' for the root. */
  readonly directory: string
}

/** Everything that a package declares, name and range. */
export const declaredDependencies = (pkg: PackageJson): [string, string][] =>
  [pkg.dependencies, pkg.devDependencies, pkg.optionalDependencies, pkg.peerDependencies].flatMap((all) =>
    Object.entries(all),
  )

/** Whether it is there when what is for development has been taken away. */
export const staysInProduction = ({ dependencies, optionalDependencies }: PackageJson, name: string): boolean =>
  Object.hasOwn(dependencies, name) || Object.hasOwn(optionalDependencies, name)

/** Whether a package is there at all, for development or not. */
export const has = (pkg: PackageJson, name: string): boolean =>
  staysInProduction(pkg, name) || Object.hasOwn(pkg.devDependencies, name)

/** What `devEngines` says of a runtime, or of a package manager: the first of those that somebody knows. */
export const devEngine = (
  { devEngines }: PackageJson,
  kind: 'runtime' | 'packageManager',
  known: readonly string[],
): { name: string; version: string } | undefined =>
  [devEngines[kind] ?? []].flat().find(({ name }) => known.includes(name))
