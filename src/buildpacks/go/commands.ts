import { basename } from 'node:path/posix'
import { BerthError } from '../../errors.js'
import type { Tree } from '../tree.js'

/** A package that is a program. */
export interface GoCommand {
  /** `.` or `cmd/web`. */
  readonly directory: string
  /** Of the program that is built of it. */
  readonly name: string
  /** Whether its own files listen for requests, as far as can be seen. */
  readonly listens: boolean
}

/** What a module has to build. */
export interface GoPackages {
  readonly commands: GoCommand[]
  /** Whether C is compiled into one of its packages. */
  readonly linksC: boolean
}

/** So many directories are looked into, so deep. */
const looks = 400
const deepest = 4
const skipped = /^(?:[._].*|testdata|vendor|node_modules|examples?|docs?|tools?|scripts?|hack|third_party)$/

/** The programs of a module, those at the top first. Pure text: files that are left out of a build are left out here. */
export function goPackages(tree: Tree, module: string): GoPackages {
  const commands: GoCommand[] = []
  let linksC = false
  let level = ['.']
  let looked = 0
  for (let depth = 0; depth < deepest && level.length > 0; depth += 1) {
    const next: string[] = []
    for (const directory of level) {
      if ((looked += 1) > looks) return { commands, linksC }
      const names = tree.names(directory)
      const path = (name: string): string => (directory === '.' ? name : `${directory}/${name}`)
      const all = names
        .filter((name) => name.endsWith('.go') && !name.endsWith('_test.go'))
        .map((name) => textOf(tree, path(name)))
        .filter((text) => !/^\/\/(?:go:build|\s*\+build) ignore\b/m.test(text))
      linksC ||= all.some((text) => /^(?:import\s+|\s*)"C"\s*$/m.test(text))
      const texts = all.filter((text) => /^package main\b/m.test(text))
      if (texts.some((text) => /^func main\(\)/m.test(text)))
        commands.push({
          directory,
          name: directory === '.' ? moduleName(module) : basename(directory),
          listens: texts.some((text) => /\bListenAndServe|\bhttp\.Serve\(|"PORT"|\.Listen\(|\.Run\(/.test(text)),
        })
      next.push(
        ...names
          .filter((name) => !skipped.test(name))
          .map(path)
          .filter((one) => tree.hasDirectory(one)),
      )
    }
    level = next
  }
  return { commands, linksC }
}

/** `web` of `example.org/web/v2`. */
export const moduleName = (module: string): string => basename(module.replace(/\/v\d+$/, '')).replace(/[^\w-]/g, '-')

/** What is too large to be read is generated, and no program's beginning. */
function textOf(tree: Tree, path: string): string {
  try {
    return tree.read(path) ?? ''
  } catch {
    return ''
  }
}

/** The commands that Heroku's `install` line leaves: `./cmd/... ./special`. */
export function installed(commands: readonly GoCommand[], packages: string | undefined): GoCommand[] {
  const wanted = (packages ?? './...').split(/\s+/).map((one) => one.replace(/^\.\/?/, ''))
  return commands.filter(({ directory }) =>
    wanted.some((one) => {
      const prefix = one.replace(/\/?\.\.\.$/, '')
      if (!one.endsWith('...')) return directory === (one || '.')
      return prefix === '' || directory === prefix || directory.startsWith(`${prefix}/`)
    }),
  )
}

/**
 * The process types of an app without a Procfile: the program that serves is its web, the others have their names.
 * @throws BerthError `invalid` naming the programs when none of several can be told to serve
 */
export function processTypes(commands: readonly GoCommand[], module: string): Record<string, string> {
  const serving = commands.filter(({ listens }) => listens)
  const usual = ['web', 'server', 'api', moduleName(module), 'app'].flatMap((name) =>
    commands.filter((one) => one.name === name),
  )
  const top = commands.filter(({ directory }) => directory === '.')
  const [web] = [...(commands.length === 1 ? commands : []), ...top, ...usual, ...(serving.length === 1 ? serving : [])]
  if (web === undefined)
    throw new BerthError(
      'invalid',
      commands.length === 0
        ? 'no package of this module is a program: none is `package main` with a `func main()`'
        : `several programs, and none of them is plainly the web process: ${commands.map(({ directory }) => directory).join(', ')}`,
      commands.length === 0
        ? 'push the module that has the program, or write the program'
        : `name it in a Procfile, \`web: ${commands[0]?.name ?? ''}\``,
    )
  const others = commands.filter((one) => one !== web && one.name !== 'web' && one.name !== 'release')
  return Object.fromEntries([
    ['web', web.name],
    ...others.map(({ name }): [string, string] => [name.replace(/[^\w-]/g, '-'), name]),
  ])
}
