import { resolved } from '../node/commands.js'
import type { PackageJson } from '../node/package-json.js'
import { frameworkOf } from '../node/start.js'
import { startScript } from '../node/start-script.js'
import type { Tree } from '../tree.js'

/** How a Bun app starts. */
export interface BunStart {
  readonly command: string
  readonly notes: readonly string[]
}

const source = /\.(?:[cm]?[jt]s|[jt]sx)$/
const usual = ['index.ts', 'server.ts', 'src/index.ts', 'src/server.ts', 'index.tsx', 'main.ts']
const watching = /\s--(?:watch|hot)\b/g

/** How an app starts where Bun is what runs it: by its start script, else by a module that is TypeScript; else null. */
export function bunStart(tree: Tree, pkg: PackageJson): BunStart | null {
  if (frameworkOf(pkg) !== null) return null
  const script = startScript(pkg, 'bun run')
  if (script !== null) {
    if (!runsByBun(script.line, pkg)) return null
    const command = script.command.replace(watching, '')
    const watches = command !== script.command
    return {
      command,
      notes: watches ? [`the start script \`${script.line}\` watches for changes: \`${command}\` is run`] : [],
    }
  }
  const { module, main } = pkg as { readonly module?: unknown; readonly main?: unknown }
  const named = [module, main].filter((file) => typeof file === 'string' && /\.tsx?$/.test(file)) as string[]
  // the script for development says which module it is
  const dev = runsByBun(pkg.scripts.dev ?? '', pkg) ? resolved(pkg.scripts.dev ?? '', pkg.scripts) : []
  const developed = dev.flatMap(({ args }) => args.filter((arg) => source.test(arg))).slice(0, 1)
  const file = [...named, ...developed, ...usual].find((path) => /^[\w./-]+$/.test(path) && tree.hasFile(path))
  return file === undefined ? null : { command: `bun ${file}`, notes: [] }
}

/** Whether a line comes down to Bun running a file: a program of a package (`bun run next`) is Node.js's to run. */
export function runsByBun(line: string, { scripts }: PackageJson): boolean {
  const commands = resolved(line, scripts)
  return (
    commands.some(({ program }) => program === 'bun') &&
    commands.every(({ program, args }) =>
      program !== 'bun'
        ? !/^(?:node|npm|npx|yarn|pnpm|next|nuxt|vite)$/.test(program)
        : args.some((arg) => source.test(arg)),
    )
  )
}
