import { z } from 'zod'
import { BerthError } from '../../errors.js'
import { parseJson } from '../json.js'

const dependencies = z.record(z.string(), z.string()).default({})

/** The part of a package.json that decides how an app is built and run. */
const PackageJson = z.looseObject({
  main: z.string().optional(),
  scripts: z.record(z.string(), z.string()).default({}),
  engines: z.looseObject({ node: z.string().optional() }).default({}),
  dependencies,
  devDependencies: dependencies,
  optionalDependencies: dependencies,
  peerDependencies: dependencies,
  workspaces: z.unknown().optional(),
})

export type PackageJson = z.infer<typeof PackageJson>

/** @throws SourceError when it is not JSON, BerthError `invalid` naming the field that is of the wrong kind */
export function parsePackageJson(text: string): PackageJson {
  const parsed = PackageJson.safeParse(parseJson('package.json', text))
  if (!parsed.success)
    throw new BerthError('invalid', `package.json: ${z.prettifyError(parsed.error).replace(/\s*\n\s*/g, ' ')}`)
  return parsed.data
}
