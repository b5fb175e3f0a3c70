import { asTable, asTables, asTexts, parseToml, TomlError, type TomlTable } from '../lib/toml.js'
import type { Plan } from './buildpack.js'
import { SourceError } from './source-error.js'
import type { Tree } from './tree.js'

/** The project descriptor of Cloud Native Buildpacks. */
export interface ProjectToml {
  readonly file: string
  readonly text: string
  readonly toml: TomlTable
}

/** The project.toml of a tree; null where there is none. @throws SourceError when it is not TOML */
export function projectToml(tree: Tree): ProjectToml | null {
  const file = 'project.toml'
  const text = tree.read(file)
  if (text === null) return null
  try {
    return { file, text, toml: parseToml(text) }
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const [words = ''] = error.message.split('\n')
    const { line, column } = error
    throw new SourceError({ file, line, column }, words, `correct ${file}, commit and push again`)
  }
}

/**
 * A plan with the files that a project.toml leaves out, or the only ones that it lets in; what it says besides is told to
 * the pusher, for a variable that quietly has no value is worse than none.
 */
export function withProject(plan: Plan, tree: Tree): Plan {
  const project = projectToml(tree)
  if (project === null || plan.ownDockerfile) return plan
  const { io, build } = project.toml
  // of the second version of the file, and of the first
  const [now, before] = [asTable(asTable(io).buildpacks), asTable(build)]
  const listed = (name: string): string[] => asTexts(now[name] ?? before[name]).flatMap(anywhere)
  const [include, exclude] = [listed('include'), listed('exclude')]
  const ignored = include.length > 0 ? ['**', ...include.map((pattern) => `!${pattern}`)] : exclude
  const names = [...asTables(asTable(now.build).env), ...asTables(before.env)].flatMap(({ name }) =>
    typeof name === 'string' ? [name.replace(/\p{Cc}/gu, '?').slice(0, 80)] : [],
  )
  return {
    ...plan,
    dockerignore: [plan.dockerignore, ...ignored].join('\n'),
    notes: [
      ...plan.notes,
      ...(names.length === 0
        ? []
        : [`project.toml: its env is not used: berth config:set ${names.map((name) => `${name}=…`).join(' ')}`]),
    ],
  }
}

/** A pattern as git has it, which holds at any depth unless it has a slash, for a .dockerignore. */
const anywhere = (pattern: string): string[] => {
  const clean = pattern.trim().replace(/\/+$/, '')
  if (!/^[^!#\p{Cc}][^\p{Cc}]{0,500}$/u.test(clean)) return []
  return clean.includes('/') ? [clean.replace(/^\/+/, '')] : [clean, `**/${clean}`]
}
