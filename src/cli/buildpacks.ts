import { statSync } from 'node:fs'
import type { Command } from 'commander'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { print, printJson, say } from './output.js'
import { withJson, type JsonOptions } from './session.js'

export function registerBuildpacks(program: Command): void {
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
      const dir = given ?? '.'
      if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory())
        throw new UsageError(`${dir} is not a directory`, 'name one that holds an app')
      const [{ detect }, { directoryTree }] = await Promise.all([
        import('../buildpacks/detect.js'),
        import('../buildpacks/tree.js'),
      ])
      const plan = detect(directoryTree(dir))
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
