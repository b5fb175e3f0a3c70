import { BerthError } from '../../errors.js'
import type { Buildpack, Plan } from '../buildpack.js'
import { declaredTypes, saysWhatRuns } from '../procfile.js'
import type { Tree } from '../tree.js'
import { processTypes, readCMake, type DeclaredProject } from './cmake.js'
import { dockerfileOf, webLink } from './dockerfile.js'
import { cppReason } from './failure.js'
import { developmentPackages } from './libraries.js'
import { readMeson } from './meson.js'

const ignored = ['.git', '*.o', 'CMakeCache.txt', 'CMakeFiles']
const isSource = (name: string): boolean => /\.(?:c|cc|cpp|cxx)$/.test(name)

/** An app in C or C++: a CMakeLists.txt, a meson.build, or a Makefile or a configure script beside its sources. */
export const cpp: Buildpack = {
  name: 'cpp',
  takes: 'a C or C++ app (CMakeLists.txt, meson.build, or a Makefile with sources)',
  landmark: 'CMakeLists.txt',
  plan,
  failure: cppReason,
}

function plan(tree: Tree): Plan | null {
  const makefile = ['GNUmakefile', 'makefile', 'Makefile'].find((file) => tree.hasFile(file))
  const configure = tree.hasFile('configure') ? 'there' : tree.hasFile('configure.ac') ? 'made' : 'none'
  const isDeclared = ['CMakeLists.txt', 'meson.build'].some((file) => tree.hasFile(file))
  const hasSources = ['.', 'src'].some((directory) => tree.names(directory).some(isSource))
  if (!isDeclared && !((makefile !== undefined || configure !== 'none') && hasSources)) return null
  const declared = declaredTypes(tree)
  if (/^(?:node|npm|npx|yarn|pnpm|python3?|gunicorn|bundle)\s/.test(declared.web ?? '')) return null
  refuseFetchers(tree)
  const project = isDeclared ? (tree.hasFile('CMakeLists.txt') ? readCMake(tree) : readMeson(tree)) : null
  const declares = saysWhatRuns(declared)
  const types = declares ? declared : { ...(project === null ? { web: webLink } : processTypes(project)), ...declared }
  const rules = ['configure.ac', ...(makefile === undefined ? [] : [makefile])].map((file) => tree.read(file) ?? '')
  const text = project?.text ?? rules.join('\n').replace(/^#.*/gm, '')
  return {
    buildpack: 'cpp',
    name: 'C/C++',
    found: `C/C++ app (${project?.tool ?? (configure === 'none' ? 'make' : 'configure and make')})`,
    version: '',
    dockerfile: dockerfileOf({
      project,
      configure,
      installs: configure !== 'none' || /^install\s*:/m.test(text),
      libraries: developmentPackages(text),
      links: project === null ? {} : linksOf(project, Object.values(types)),
      command: types.web ?? null,
    }),
    ownDockerfile: false,
    dockerignore: [...ignored, tree.read('.dockerignore') ?? ''].join('\n'),
    processTypes: types,
    origin: declares ? 'Procfile' : 'Dockerfile',
    notes: /\bFetchContent_|\bExternalProject_Add\b|\bCPMAddPackage\b/.test(project?.text ?? '')
      ? ['CMakeLists.txt fetches sources when it is built: those of a repository in the tree need no network']
      : [],
  }
}

/** Package managers that have servers of their own. */
function refuseFetchers(tree: Tree): void {
  const file = ['conanfile.txt', 'conanfile.py', 'vcpkg.json'].find((one) => tree.hasFile(one))
  if (file !== undefined)
    throw new BerthError(
      'invalid',
      `${file}: packages of ${file.startsWith('vcpkg') ? 'vcpkg' : 'Conan'} are not fetched`,
      `take Debian's libraries by find_package and remove ${file}, or write a Dockerfile`,
    )
}

/** Programs lie in bin; a Procfile looks for them where a build by hand leaves them, too. */
function linksOf({ programs }: DeclaredProject, commands: readonly string[]): Record<string, string> {
  const links = commands.flatMap((command) =>
    [...command.matchAll(/(?:^|\s)(?:\.\/)?((?:[\w-]+\/)*([\w.+-]+))/g)].flatMap(
      ([all, path = '', program = '']): [string, string][] =>
        programs.includes(program) && path !== `bin/${program}` && (path !== program || all.trim().startsWith('./'))
          ? [[path, program]]
          : [],
    ),
  )
  return Object.fromEntries(links)
}
