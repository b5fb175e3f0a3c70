import type { Command } from 'commander'
import { buildSettingNames, buildSettings, checkBuildSetting, type BuildSetting } from '../buildpacks/build-settings.js'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { fields, print, printJson, say } from './output.js'
import { followOperation } from './progress.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'

const group = 'Builds'
const example = 'berth builds:set dir=apps/web'

/** @throws UsageError for a name that is none */
function settingOf(name: string): BuildSetting {
  const found = buildSettingNames.find((known) => known === name)
  if (found === undefined)
    throw new UsageError(
      `"${name.slice(0, 40)}" is no build setting`,
      `there are ${buildSettingNames.join(', ')}: ${example}`,
    )
  return found
}

/** The build settings among an app's config vars. */
export const settingsIn = (vars: Readonly<Record<string, string>>): [BuildSetting, string][] =>
  buildSettingNames.flatMap((name) => {
    const value = vars[buildSettings[name]] ?? ''
    return value === '' ? [] : [[name, value] as const satisfies [BuildSetting, string]]
  })

/** Of `dir=apps/web`, the config var and its value. */
function settingVar(word: string): [string, string] {
  const at = word.indexOf('=')
  if (at < 1) throw new UsageError(`"${word.slice(0, 40)}" is not name=value`, example)
  const name = settingOf(word.slice(0, at))
  const value = word.slice(at + 1)
  if (value === '') throw new UsageError(`${name} has no value`, `to unset it: berth builds:unset ${name}`)
  checkBuildSetting(name, value)
  return [buildSettings[name], value]
}

/** `builds:set` and `builds:unset`. */
export function registerBuildSettings(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'builds:set',
        summary: 'say what of the repository is built, from the next push on; without a setting, show them',
        group,
        examples: [
          'builds:set dir=apps/web -a blog',
          'builds:set dockerfile=Dockerfile.prod target=server',
          'builds:set watch-paths=apps/web/**,packages/**',
          'builds:set',
        ],
      }),
    ),
  )
    .argument(
      '[settings...]',
      'dir=<folder>, dockerfile=<path below it>, target=<stage>, compose=<path below it>, watch-paths=<globs, by commas>',
    )
    .action(async (words: string[], options: AppOptions & JsonOptions) => {
      const set = Object.fromEntries(words.map(settingVar))
      const session = await openApp(options)
      const { app, client } = session
      if (words.length > 0)
        await followOperation(session, `Setting ${words.join(', ')} of ${app}`, client.config.change({ app, set }))
      const settings = settingsIn(await client.config.get({ app }))
      if (options.json) printJson(Object.fromEntries(settings))
      else if (words.length > 0) say('The next push is built so; what runs goes on')
      else if (settings.length > 0) print(fields(settings))
      else say(`${app} is built from the top of its repository: ${example}`)
    })
  withApp(
    addCommand(program, {
      name: 'builds:unset',
      summary: 'remove build settings, for the next push',
      group,
      examples: ['builds:unset dir -a blog'],
    }),
  )
    .argument('<names...>', buildSettingNames.join(', '))
    .action(async (names: string[], options: AppOptions) => {
      const unset = names.map((name) => buildSettings[settingOf(name)])
      const session = await openApp(options)
      const { app, client } = session
      await followOperation(session, `Unsetting ${names.join(', ')} of ${app}`, client.config.change({ app, unset }))
    })
}
