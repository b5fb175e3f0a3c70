import { posix } from 'node:path'
import { BerthError } from '../../errors.js'
import type { Tree } from '../tree.js'
import { readBuildFiles } from './build-files.js'

/** What the build files of a tree say. */
export interface DeclaredProject {
  readonly tool: 'CMake' | 'Meson'
  /** Of the program that serves, where one is plain. */
  readonly programs: readonly string[]
  readonly name: string
  /** Whether it says what is installed. */
  readonly installs: boolean
  /** All that was read, without comments. */
  readonly text: string
}

/** What CMake allows in the name of a target; what else there is of them never gets to a shell. */
const nameable = /^[A-Za-z0-9_][\w.+-]{0,63}$/
const unwanted = /(?:^|[_-])(?:tests?|unittests?|bench(?:mark)?s?|examples?|fuzz\w*)(?:$|[_-])/i

/** Whether a target can be a program of the app, by its name. */
export const isProgram = (name: string): boolean => nameable.test(name) && !unwanted.test(name)

/** Reads CMakeLists.txt and those of the folders that it adds. Pure text: what CMake would compute is not seen. */
export function readCMake(tree: Tree): DeclaredProject {
  const text = readBuildFiles(tree, {
    file: 'CMakeLists.txt',
    plain: (text) => text.replace(/#\[\[[\s\S]*?\]\]/g, '').replace(/#.*/g, ''),
    folders: (text) =>
      [...text.matchAll(/\badd_subdirectory\s*\(\s*"?([\w./-]+)/gi)]
        .map(([, below = '']) => below)
        .filter((below) => !unwanted.test(posix.basename(below))),
  })
  const name = /\bproject\s*\(\s*"?([\w.+-]+)/i.exec(text)?.[1] ?? 'app'
  const variables = new Map([
    ['PROJECT_NAME', name],
    ['CMAKE_PROJECT_NAME', name],
  ])
  for (const [, key = '', value = ''] of text.matchAll(/\bset\s*\(\s*(\w+)\s+"?([\w.+-]+)"?\s*\)/gi))
    variables.set(key, value)
  const programs = [...text.matchAll(/\badd_executable\s*\(\s*"?([^\s")]+)"?\s+(?!IMPORTED|ALIAS)/gi)]
    .map(([, target = '']) => target.replace(/\$\{(\w+)\}/g, (all, key: string) => variables.get(key) ?? all))
    .filter(isProgram)
  return {
    tool: 'CMake',
    name,
    text,
    programs: [...new Set(programs)],
    installs: /\binstall\s*\(\s*(?:TARGETS|PROGRAMS)\b/i.test(text),
  }
}

/**
 * The process types of an app without a Procfile: the program that serves is its web, the others have their names.
 * @throws BerthError `invalid` naming the programs when none of several can be told to serve, or there is none
 */
export function processTypes({ tool, name, programs }: DeclaredProject): Record<string, string> {
  const [web] = [
    ...(programs.length === 1 ? programs : []),
    ...[name, 'web', 'server', 'app', 'main'].filter((one) => programs.includes(one)),
  ]
  if (web === undefined)
    throw new BerthError(
      'invalid',
      programs.length === 0
        ? tool === 'CMake'
          ? 'CMakeLists.txt has no program: no add_executable whose name can be read'
          : 'meson.build has no program: no executable() whose name can be read'
        : `several programs, and none of them is plainly the web process: ${programs.slice(0, 12).join(', ')}`,
      `name it in a Procfile: \`web: ${programs[0] ?? 'server'}\``,
    )
  const others = programs.filter(
    (one) => one !== web && /^[A-Za-z0-9][\w-]*$/.test(one) && !['web', 'release'].includes(one),
  )
  return Object.fromEntries([['web', web], ...others.map((one): [string, string] => [one, one])])
}
