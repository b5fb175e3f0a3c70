import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { must } from '../run.js'

export const home = fileURLToPath(new URL('../..', import.meta.url))

async function newest(dir: string): Promise<number> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return Math.max(0, ...(await Promise.all(files.map(async (file) => (await stat(file)).mtimeMs))))
}

/** Builds the command line if what is built is older than its source: people run the built one, so tests do. */
export async function buildCli(): Promise<void> {
  const built = await stat(join(home, 'dist/cli/main.js')).catch(() => null)
  const sources = Math.max(
    ...(await Promise.all(['src/cli', 'src/api', 'plugins'].map((dir) => newest(join(home, dir))))),
  )
  if (built !== null && (await newest(join(home, 'dist'))) > sources) return
  // a type error elsewhere is the linter's to report
  for (const project of ['tsconfig.build.json', 'tsconfig.plugins.json'])
    await must(process.execPath, [join(home, 'node_modules/typescript/bin/tsc'), '-p', project, '--noCheck'], {
      cwd: home,
    })
}
