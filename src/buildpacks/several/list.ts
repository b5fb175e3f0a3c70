import { asTable, asTables } from '../../lib/toml.js'
import { parseJsonc } from '../jsonc.js'
import { projectToml } from '../project-toml.js'
import { position, SourceError, type SourcePlace } from '../source-error.js'
import type { Tree } from '../tree.js'

/** A buildpack as somebody has written it: a name, an address or a path; and where. */
export interface Listed {
  readonly text: string
  readonly place: SourcePlace
}

/** More than anybody lists. */
const most = 20

/**
 * The buildpacks that an app names, in order: by the config var BUILDPACK_URL, its `.buildpacks`, app.json or project.toml,
 * the first of them that names any. None where it names none.
 * @throws SourceError where one of these files is not what its name says
 */
export function listedBuildpacks(tree: Tree, variables: Readonly<Record<string, string>>): readonly Listed[] {
  const listed = [() => inVariable(variables), () => inBuildpacks(tree), () => inAppJson(tree), () => inProject(tree)]
  for (const read of listed) {
    const found = read()
    if (found.length > most)
      throw new SourceError(
        found[most]?.place ?? { file: '', line: 1, column: 1 },
        `more than ${String(most)} buildpacks`,
      )
    if (found.length > 0) return found
  }
  return []
}

function inVariable({ BUILDPACK_URL: text = '' }: Readonly<Record<string, string>>): Listed[] {
  const said = text.trim()
  // that one reads .buildpacks itself
  return said === '' || /\bbuildpack-multi\b/.test(said)
    ? []
    : [{ text: said, place: { file: 'BUILDPACK_URL', line: 1, column: 1 } }]
}

/** One a line; `#` begins a comment at its beginning alone, as it begins a version in an address. */
function inBuildpacks(tree: Tree): Listed[] {
  const file = '.buildpacks'
  return (tree.read(file) ?? '').split(/\r?\n/).flatMap((raw, index) => {
    const text = raw.replace(/(?:^|\s)#.*$/, '').trim()
    return text === '' ? [] : [{ text, place: { file, line: index + 1, column: raw.indexOf(text) + 1 } }]
  })
}

function inAppJson(tree: Tree): Listed[] {
  const file = 'app.json'
  const text = tree.read(file)
  if (text === null) return []
  const parsed = parseJsonc(file, text)
  const listed = asTable(parsed).buildpacks
  if (!Array.isArray(listed)) return []
  return listed.map((one: unknown) => {
    const said = typeof one === 'string' ? one : asTable(one).url
    if (typeof said === 'string' && said.trim() !== '') return placed(file, text, said)
    throw new SourceError(
      { file, ...position(text, text.indexOf('"buildpacks"')) },
      'one of the buildpacks has no "url"',
      'write each as { "url": "heroku/nodejs" }',
    )
  })
}

/** Of the project descriptor, in both of its versions. Those of one group are one after another. */
function inProject(tree: Tree): Listed[] {
  const project = projectToml(tree)
  if (project === null) return []
  const { file, text, toml } = project
  const io = asTable(asTable(toml.io).buildpacks)
  const groups = [...asTables(io.group), ...asTables(asTable(toml.build).buildpacks)]
  return groups.map(({ uri, id, script }) => {
    const said = [uri, id].find((one) => typeof one === 'string' && one !== '')
    if (typeof said === 'string' && script === undefined) return placed(file, text, said)
    throw new SourceError(
      { file, ...position(text, Math.max(0, text.search(/^\s*\[\[/m))) },
      script === undefined
        ? 'one of the buildpacks has neither "id" nor "uri"'
        : 'scripts of a project.toml are not run',
      'name each by its id, `id = "heroku/nodejs"`, or write a Dockerfile',
    )
  })
}

const placed = (file: string, text: string, said: string): Listed => ({
  text: said.trim(),
  place: { file, ...position(text, Math.max(0, text.indexOf(said))) },
})
