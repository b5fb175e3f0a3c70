import { normalize } from 'node:path/posix'
import { position, SourceError } from '../source-error.js'
import type { Tree } from '../tree.js'
import { elements, parseXml, textOf, type Element } from './xml.js'

/** What matters of one pom.xml. */
export interface Pom {
  /** Where it lies: `.`, `web`. */
  readonly directory: string
  readonly packaging: string
  /** Plugins that its builds run, by artifact. */
  readonly plugins: ReadonlySet<string>
  /** What it depends on, `group:artifact`. */
  readonly dependencies: readonly string[]
  /** The program that it names, for a jar or to be run. */
  readonly mainClass?: string
  /** Version of Java that it compiles for. */
  readonly compilesFor?: string
  /** Its own text, for what is only looked for. */
  readonly text: string
}

/** More modules than this are not looked into. */
const most = 200

/** The pom at the top, and those of its modules and theirs. @throws SourceError for one that is not XML, or leads out of the tree */
export function readPoms(tree: Tree): readonly Pom[] {
  const found: Pom[] = []
  const open = ['.']
  for (let directory = open.shift(); directory !== undefined; directory = open.shift()) {
    const file = directory === '.' ? 'pom.xml' : `${directory}/pom.xml`
    const text = tree.read(file)
    if (text === null || found.length >= most || found.some((pom) => pom.directory === directory)) continue
    const project = parseXml(text, file)
    if (project.name !== 'project')
      throw new SourceError(
        { file, ...position(text, project.offset) },
        `it begins with <${project.name}>: a pom is a <project>`,
      )
    found.push(pomOf(project, text, directory))
    const profiles = elements(project, 'profiles', 'profile').filter(
      (profile) => textOf(profile, 'activation', 'activeByDefault') === 'true',
    )
    for (const module of [project, ...profiles].flatMap((place) => elements(place, 'modules', 'module'))) {
      const path = normalize(`${directory}/${module.text.replace(/\/?pom\.xml$/, '')}`).replace(/\/$/, '')
      if (path.startsWith('..') || path.startsWith('/') || !/^[\w.@+/-]+$/.test(path))
        throw new SourceError(
          { file, ...position(text, module.offset) },
          `the module ${module.text.slice(0, 80)} is outside of what is pushed, or is called as no directory of a module is`,
          'push the directory that has all modules, or take it out',
        )
      open.push(path)
    }
  }
  return found
}

function pomOf(project: Element, text: string, directory: string): Pom {
  const values = Object.fromEntries(
    elements(project, 'properties').flatMap(({ children }) => children.map((child) => [child.name, child.text])),
  ) as Record<string, string>
  const filled = (value: string | undefined): string | undefined =>
    value?.replaceAll(/\$\{([\w.-]+)\}/g, (whole, name: string) => values[name] ?? whole)
  const plugins = elements(project, 'build', 'plugins', 'plugin')
  const managed = elements(project, 'build', 'pluginManagement', 'plugins', 'plugin')
  const compiler = [...plugins, ...managed].filter((plugin) => textOf(plugin, 'artifactId') === 'maven-compiler-plugin')
  const says = (name: string): string | undefined =>
    compiler.map((plugin) => textOf(plugin, 'configuration', name)).find((value) => value !== undefined) ??
    values[`maven.compiler.${name}`]
  const named = plugins
    .flatMap((plugin) => [plugin, ...elements(plugin, 'executions', 'execution')])
    .map(
      (place) =>
        textOf(place, 'configuration', 'archive', 'manifest', 'mainClass') ??
        textOf(place, 'configuration', 'mainClass'),
    )
  const mainClass = filled(
    [...named, values['exec.mainClass'], values.mainClass, values['main.class'], values['start-class']].find(
      (value) => value !== undefined,
    ),
  )
  const compilesFor = filled(says('release') ?? says('target') ?? says('source') ?? values['java.version'])
  return {
    directory,
    packaging: filled(textOf(project, 'packaging')) ?? 'jar',
    plugins: new Set(plugins.map((plugin) => textOf(plugin, 'artifactId') ?? '')),
    dependencies: elements(project, 'dependencies', 'dependency')
      .filter((one) => textOf(one, 'scope') !== 'test')
      .map((one) => `${textOf(one, 'groupId') ?? ''}:${textOf(one, 'artifactId') ?? ''}`),
    text,
    ...(mainClass !== undefined && /^[\w.$]+$/.test(mainClass) ? { mainClass } : {}),
    ...(compilesFor === undefined ? {} : { compilesFor }),
  }
}
