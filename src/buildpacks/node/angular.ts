import { z } from 'zod'
import { BerthError } from '../../errors.js'
import { parseJson } from '../json.js'
import type { Tree } from '../tree.js'
import { folder, places, type Framework, type Made } from './framework.js'
import type { NodeApp } from './package-json.js'

const OutputPath = z.union([z.string(), z.looseObject({ base: z.string(), browser: z.string().optional() })])
const Options = z.looseObject({
  outputPath: OutputPath.optional(),
  outputMode: z.string().optional(),
  ssr: z.unknown().optional(),
  server: z.unknown().optional(),
})
const Target = z.looseObject({ builder: z.string().optional(), options: Options.optional() })
const Project = z.looseObject({
  projectType: z.string().optional(),
  architect: z.record(z.string(), Target).optional(),
  targets: z.record(z.string(), Target).optional(),
})
const Workspace = z.looseObject({
  defaultProject: z.string().optional(),
  projects: z.record(z.string(), Project).default({}),
})

/** Angular, whose angular.json says what is built and where. */
export const angular: Framework = {
  name: 'Angular',
  packages: ['@angular/core'],
  build: 'ng build',
  makes(app): Made {
    const buildEnv = { NG_CLI_ANALYTICS: 'false' }
    const { name, options } = projectOf(app)
    const path = options.outputPath
    const base = (typeof path === 'string' ? folder(path) : folder(path?.base ?? '')) ?? '.'
    const out = base === '.' ? `dist/${name}` : base
    // rendered on a server where `ssr` says so, unless all of it is rendered by the build
    if (options.ssr !== undefined && options.ssr !== false && options.outputMode !== 'static')
      return { kind: 'server', command: `node ${out}/server/server.mjs`, buildEnv }
    const browser = typeof path === 'object' && path.browser !== undefined ? path.browser : 'browser'
    return { kind: 'site', places: places(folder(`${out}/${browser}`), out), fallback: 'index', buildEnv }
  },
}

/** The application that `ng build` builds. @throws BerthError `invalid` when there are several */
function projectOf({ tree, pkg }: NodeApp): { name: string; options: z.infer<typeof Options> } {
  const file = workspaceOf(tree)
  const applications = Object.entries(file.projects).filter(([, project]) => project.projectType !== 'library')
  const asked = /\bng build (?:--project[= ])?([\w-]+)/.exec(pkg.scripts.build ?? '')?.[1] ?? file.defaultProject
  const found = applications.find(([name]) => name === asked) ?? applications[0]
  if (found === undefined) return { name: 'app', options: {} }
  const others = applications.map(([name]) => name)
  if (others.length > 1 && asked === undefined)
    throw new BerthError(
      'invalid',
      `angular.json has several applications: ${others.join(', ')}`,
      `name one in the build script of package.json: "build": "ng build ${others[0] ?? ''}"`,
    )
  const [name, { architect, targets }] = found
  return { name, options: (architect ?? targets)?.build?.options ?? {} }
}

function workspaceOf(tree: Tree): z.infer<typeof Workspace> {
  const text = tree.read('angular.json')
  if (text === null) return { projects: {} }
  const parsed = Workspace.safeParse(parseJson('angular.json', text))
  if (parsed.success) return parsed.data
  throw new BerthError('invalid', `angular.json: ${z.prettifyError(parsed.error).replace(/\s*\n\s*/g, ' ')}`)
}
