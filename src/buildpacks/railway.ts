import { asTable } from '../lib/toml.js'
import { parseJsonc } from './jsonc.js'
import { parseProcfile } from './procfile.js'
import { readToml } from './toml.js'
import { over, type Tree } from './tree.js'

/** Files of Railway and its builders that say what starts an app, the first first, and where it stands in them. */
const files = [
  { file: 'railway.json', table: 'deploy', key: 'startCommand' },
  { file: 'railway.toml', table: 'deploy', key: 'startCommand' },
  { file: 'railpack.json', table: 'deploy', key: 'startCommand' },
  { file: 'nixpacks.toml', table: 'start', key: 'cmd' },
  { file: 'nixpacks.json', table: 'start', key: 'cmd' },
] as const

/** What compiles or fetches first: an image has what it made, and not what made it. */
const builds = /(?:^|[\s;&|/])(?:go run|cargo|mvnw?|gradlew?|sbt|dotnet run|mix|npx|bunx|pnpm dlx|yarn dlx)(?:\s|$)/

/** A tree with the line that a file for Railway has as its Procfile, and a note that says so. */
export interface RailwayStart {
  readonly tree: Tree
  readonly note: string
}

/**
 * What Railway would start, for a tree that has no Procfile; null where nothing says so, or where it builds first.
 * @throws SourceError where a file is not what its name says, or names a command of Windows
 */
export function railwayStart(tree: Tree): RailwayStart | null {
  if (tree.hasFile('Procfile')) return null
  for (const { file, table, key } of files) {
    if (!tree.hasFile(file)) continue
    const document = file.endsWith('.toml') ? readToml(tree, file) : asTable(parseJsonc(file, tree.read(file) ?? ''))
    const command = asTable(document[table])[key]
    if (typeof command !== 'string' || command.trim() === '' || /\n/.test(command.trim()) || builds.test(command))
      continue
    const line = `web: ${command.trim()}\n`
    parseProcfile(line, file)
    return {
      tree: over(tree, 'Procfile', line),
      note: `${file} says what runs: \`${command.trim().slice(0, 80)}\`; a Procfile is read before it`,
    }
  }
  return null
}
