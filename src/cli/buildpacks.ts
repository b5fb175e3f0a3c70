import { existsSync, statSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { Plan } from '../buildpacks/buildpack.js'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { print, printJson, say } from './output.js'
import { withJson, type JsonOptions } from './session.js'

export function registerBuildpacks(program: Command): void {
  registerEject(program)
  withJson(
    addCommand(program, {
      name: 'buildpacks:plan',
      summary: 'print the Dockerfile that Berth would build for a directory; needs no server',
      group: 'Builds',
      examples: ['buildpacks:plan', 'buildpacks:plan ~/code/blog > Dockerfile', 'buildpacks:plan --json'],
    }),
  )
    .argument('[dir]', 'by default the current directory')
    .action(async (given: string | undefined, { json }: JsonOptions) => {
      const plan = await planOf(given ?? '.')
      if (json) {
        printJson(plan)
        return
      }
      say(`-----> ${plan.found} detected`)
      for (const note of plan.notes) say(`       ${note}`)
      print(plan.dockerfile.trimEnd())
      for (const [type, command] of Object.entries(plan.processTypes))
        say(`       ${type}: ${command ?? "(the image's own command)"}`)
    })
}

/** The plan for a directory. @throws UsageError when it is none, BerthError when nothing in it is recognised */
async function planOf(dir: string): Promise<Plan> {
  if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`${dir} is not a directory`, 'name one that holds an app')
  const [{ appDirectory }, { detect }, { below, directoryTree }] = await Promise.all([
    import('../buildpacks/app-directory.js'),
    import('../buildpacks/detect.js'),
    import('../buildpacks/tree.js'),
  ])
  const variables = process.env as Record<string, string>
  const tree = directoryTree(dir)
  return detect(below(tree, appDirectory(tree, variables)), variables)
}

/** Docker before version 23 knows here-documents by the syntax that a first line names, and by nothing else. */
const syntaxLine = (dockerfile: string): string =>
  /<<-?['"]?\w/.test(dockerfile) ? '# syntax=docker/dockerfile:1\n' : ''

function registerEject(program: Command): void {
  addCommand(program, {
    name: 'buildpacks:eject',
    summary: 'write that Dockerfile, and its .dockerignore, into the directory: from then on it is yours',
    group: 'Builds',
    examples: ['buildpacks:eject', 'buildpacks:eject ~/code/blog'],
  })
    .argument('[dir]', 'by default the current directory')
    .action(async (given: string | undefined) => {
      const dir = given ?? '.'
      const plan = await planOf(dir)
      if (plan.origin === 'compose file')
        throw new UsageError(`${plan.found} says how ${dir} is built`, 'there is nothing to write')
      if (plan.ownDockerfile !== false)
        throw new UsageError(`${dir} has a Dockerfile of its own`, 'there is nothing to write')
      const files = [
        ['Dockerfile', `${syntaxLine(plan.dockerfile)}${plan.dockerfile}`],
        ['.dockerignore', `${plan.dockerignore.trimEnd()}\n`],
      ] as const
      const own = existsSync(join(dir, '.dockerignore')) ? '.dockerignore' : null
      if (own !== null)
        throw new UsageError(
          `${join(dir, own)} is there already`,
          'its lines are in the plan: move it away, and eject again',
        )
      for (const [name, text] of files) {
        await writeFile(join(dir, name), text, { flag: 'wx' })
        say(`Wrote ${join(dir, name)}`)
      }
      await writeProcfile(dir, plan)
    })
}

/**
 * The Dockerfile says what `web` runs; what else runs has to be said. A Procfile of the app stays unless the plan runs other
 * commands than it has: what it calls on another platform is not in the image, and a Procfile goes before a Dockerfile.
 */
async function writeProcfile(dir: string, { processTypes }: Plan): Promise<void> {
  const path = join(dir, 'Procfile')
  const types = Object.entries(processTypes).filter(([, command]) => command !== null)
  if (!existsSync(path)) {
    if (types.length < 2) return
  } else {
    const { parseProcfile } = await import('../buildpacks/procfile.js')
    const declared = Object.entries(parseProcfile(await readFile(path, 'utf8')))
    if (declared.every(([type, command]) => processTypes[type] === command)) return
  }
  await writeFile(path, types.map(([type, command]) => `${type}: ${command ?? ''}\n`).join(''))
  say(`Wrote ${path}`)
}
