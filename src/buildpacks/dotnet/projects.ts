import { posix } from 'node:path'
import { BerthError } from '../../errors.js'
import { foldersOf } from '../folders.js'
import { SourceError } from '../source-error.js'
import type { Tree } from '../tree.js'

/** A project of .NET that is a program. */
export interface DotnetProject {
  /** `src/Shop/Shop.csproj`. */
  readonly file: string
  /** Of its program: `Shop`. */
  readonly name: string
  readonly isWeb: boolean
  /** The .NET that it is for: `8.0`. */
  readonly framework: string
}

/** All that .NET reads of a tree before it restores packages. */
export interface DotnetTree {
  readonly programs: readonly DotnetProject[]
  /** Projects, solutions and properties. */
  readonly manifests: readonly string[]
  readonly locked: boolean
}

const isProject = (file: string): boolean => /\.(?:cs|fs|vb)proj$/.test(file)
const isManifest = (file: string): boolean =>
  isProject(file) ||
  /\.slnx?$/.test(file) ||
  /^(?:global\.json|nuget\.config|packages\.lock\.json|directory\.(?:build|packages)\.(?:props|targets))$/i.test(
    posix.basename(file),
  )
/** What a Dockerfile and a shell take as it is, within quotes. */
const plain = /^[\w .+/@-]+$/

/** Reads the projects of a tree; null where there are none. @throws SourceError for one that only Windows runs */
export function readDotnet(tree: Tree): DotnetTree | null {
  // a large tree is looked through only when it says at its top that it is one of these
  if (!tree.hasFile('global.json') && !filesIn(tree, '.').some((file) => isProject(file) || /\.slnx?$/.test(file)))
    return null
  const files = ['.', ...foldersOf(tree)]
    .filter((directory) => !/(?:^|\/)(?:bin|obj)(?:\/|$)/.test(directory))
    .flatMap((directory) => filesIn(tree, directory))
    .slice(0, 500)
  const projects = files.filter(isProject)
  if (projects.length === 0) return null
  return {
    programs: projects.flatMap((file) => programOf(tree, file) ?? []),
    manifests: files,
    locked: files.some((file) => posix.basename(file) === 'packages.lock.json'),
  }
}

/** Those in a directory that .NET reads before it restores packages. */
const filesIn = (tree: Tree, directory: string): string[] =>
  tree
    .names(directory)
    .map((one) => posix.join(directory, one))
    .filter((file) => isManifest(file) && plain.test(file) && tree.hasFile(file))

function programOf(tree: Tree, file: string): DotnetProject | null {
  const text = (tree.read(file) ?? '').replace(/<!--[\s\S]*?-->/g, '')
  const value = (tag: string): string | undefined =>
    new RegExp(`<${tag}>\\s*([^<]*?)\\s*</${tag}>`, 'i').exec(text)?.[1]
  if (value('TargetFrameworkVersion') !== undefined || /^net4\d/.test(value('TargetFramework') ?? ''))
    throw new SourceError(
      { file, line: 1, column: 1 },
      'it is for .NET Framework, which only Windows runs',
      'move it to .NET 8 or later: `<TargetFramework>net8.0</TargetFramework>`',
    )
  const sdk =
    /<Project[^>]*\sSdk\s*=\s*"([^"/]+)/i.exec(text)?.[1] ?? /<Sdk\s+Name\s*=\s*"([^"]+)/i.exec(text)?.[1] ?? ''
  const isTest = /^true$/i.test(value('IsTestProject') ?? '') || /Include\s*=\s*"Microsoft\.NET\.Test\.Sdk"/i.test(text)
  const isWeb = /\.Web$/i.test(sdk) && !/^Library$/i.test(value('OutputType') ?? '')
  const isProgram = isWeb || /\.Worker$/i.test(sdk) || /^(?:Win)?Exe$/i.test(value('OutputType') ?? '')
  if (isTest || !isProgram) return null
  const frameworks = (value('TargetFramework') ?? value('TargetFrameworks') ?? shared(tree) ?? '').split(';')
  const framework = frameworks.flatMap((one) => /^(?:net|netcoreapp)(\d{1,2}\.\d)/.exec(one.trim())?.[1] ?? [])[0]
  if (framework === undefined)
    throw new SourceError(
      { file, line: 1, column: 1 },
      'it does not say which .NET it is for',
      'write `<TargetFramework>net8.0</TargetFramework>`',
    )
  const assembly = value('AssemblyName') ?? ''
  const own = posix.basename(file).replace(/\.\w+proj$/, '')
  return { file, name: plain.test(assembly) && !assembly.includes('/') ? assembly : own, isWeb, framework }
}

/** A framework that all projects of a tree have in common. */
const shared = (tree: Tree): string | undefined =>
  /<TargetFrameworks?>\s*([^<]*?)\s*</i.exec(tree.read('Directory.Build.props') ?? '')?.[1]

/**
 * Process type -> program: the only program, or the only one that serves, is the web; the others have their names.
 * @throws BerthError `invalid` naming the programs when none of several can be told to serve, or there is none
 */
export function processPrograms(programs: readonly DotnetProject[]): Record<string, DotnetProject> {
  const serving = programs.filter(({ isWeb }) => isWeb)
  const [web] = [...(programs.length === 1 ? programs : []), ...(serving.length === 1 ? serving : [])]
  if (web === undefined)
    throw new BerthError(
      'invalid',
      programs.length === 0
        ? 'no project is a program: none has the Web or Worker SDK, or <OutputType>Exe</OutputType>'
        : `several programs, and none of them is plainly the web process: ${programs
            .map(({ file }) => file)
            .slice(0, 8)
            .join(', ')}`,
      programs.length === 0
        ? 'push the project that is, beside those it refers to'
        : `name it in a Procfile: \`web: cd ${programs[0]?.name ?? ''} && dotnet ${programs[0]?.name ?? ''}.dll\``,
    )
  const typeOf = (name: string): string =>
    name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '')
  const others = programs.filter((one) => one !== web && !['', 'web', 'release'].includes(typeOf(one.name)))
  return Object.fromEntries([['web', web], ...others.map((one): [string, DotnetProject] => [typeOf(one.name), one])])
}
