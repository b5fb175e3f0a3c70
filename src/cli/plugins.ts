import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { PluginInfo, PluginView } from '../api/contract.js'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { fields, heading, print, printJson, say, table } from './output.js'
import { openSession, withJson, type JsonOptions } from './session.js'

const group = 'Plugins'

const stateOf = ({ state, failure }: PluginView): string => (failure === null ? state : `${state}: ${failure}`)

function addPlugins(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'plugins',
      summary: 'list the plugins that came with Berth and those that were installed',
      group,
      examples: ['plugins', 'plugins --json'],
    }),
  )
    .alias('plugins:list')
    .action(async ({ json }: JsonOptions) => {
      const { client } = await openSession()
      const all = await client.plugins.list({})
      if (json) {
        printJson(all)
        return
      }
      print(heading('Plugins'))
      print(table(all.map((one) => [one.name, one.kind, one.version, one.source, stateOf(one)])))
    })
}

function valueOf({ value, set, secret, default: fallback, required }: PluginInfo['settings'][number]): string {
  if (set) return secret ? '(set, not shown)' : (value ?? '')
  if (fallback !== null) return `${fallback} (default)`
  return required ? '(not set: it is wanted)' : '(not set)'
}

function show(info: PluginInfo): void {
  const { name, kind, version, source, from, pin, requires, settings } = info
  print(heading(name))
  print(
    fields([
      ['Kind', kind],
      ['Version', version],
      ['From', from === null ? 'Berth' : `${source} ${from}${pin === null ? '' : ` (${pin})`}`],
      ['State', stateOf(info)],
      ...(requires.length > 0 ? [['Requires', requires.join(', ')] as const] : []),
    ]),
  )
  if (settings.length === 0) return
  print(`\n${heading('Settings')}`)
  print(table(settings.map((setting) => [setting.name, valueOf(setting), setting.description])))
}

function addInfo(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'plugins:info',
      summary: 'show what a plugin is and what can be set of it',
      group,
      examples: ['plugins:info dns-cloudflare'],
    }),
  )
    .argument('<plugin>')
    .action(async (plugin: string, { json }: JsonOptions) => {
      const { client } = await openSession()
      const info = await client.plugins.info({ plugin })
      if (json) printJson(info)
      else show(info)
    })
}

/** @throws UsageError */
function pairOf(text: string): [string, string | null] {
  const at = text.indexOf('=')
  if (at < 1) throw new UsageError(`"${text.slice(0, 40)}" is no setting`, 'write it as key=value; key= takes it back')
  const value = text.slice(at + 1)
  return [text.slice(0, at), value === '' ? null : value]
}

function addSet(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'plugins:set',
      summary: 'set a plugin; one that runs is started anew',
      group,
      examples: ['plugins:set dns-cloudflare token=… zones=example.com', 'plugins:set dns-cloudflare zones='],
    }),
  )
    .argument('<plugin>')
    .argument('<key=value...>', 'nothing after the = takes a setting back')
    .action(async (plugin: string, pairs: readonly string[], { json }: JsonOptions) => {
      const settings = Object.fromEntries(pairs.map(pairOf))
      const { client } = await openSession()
      const info = await client.plugins.change({ plugin, settings })
      if (json) printJson(info)
      else say(`${plugin} is set${info.state === 'available' || info.state === 'disabled' ? notYet(plugin) : ''}`)
    })
}

const notYet = (plugin: string): string => `; \`berth plugins:enable ${plugin}\` has it used`

function addSwitch(program: Command, word: 'enable' | 'disable'): void {
  const enabled = word === 'enable'
  withJson(
    addCommand(program, {
      name: `plugins:${word}`,
      summary: enabled ? 'have a plugin used from now on' : 'have a plugin used no more; its settings stay',
      group,
      examples: [`plugins:${word} dns-cloudflare`],
    }),
  )
    .argument('<plugin>')
    .action(async (plugin: string, { json }: JsonOptions) => {
      const { client } = await openSession()
      const info = await client.plugins.change({ plugin, enabled })
      if (json) printJson(info)
      else say(`${plugin} is ${word}d`)
    })
}

function addInstall(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'plugins:install',
      summary: 'install a plugin: code that runs as Berth itself',
      group,
      examples: [
        'plugins:install https://git.example.com/berth-audit.git#v1.2.0',
        'plugins:install berth-dns-example@1.2.3',
        'plugins:install /srv/my-plugin',
      ],
    }),
  )
    .argument('<from>', 'a git URL with #branch, #tag or #commit; an npm package; a folder of the server')
    .action(async (from: string, { json }: JsonOptions) => {
      const { client } = await openSession()
      const info = await client.plugins.install({ from: /^\.\.?(\/|$)/.test(from) ? resolve(from) : from })
      if (json) {
        printJson(info)
        return
      }
      const { name, version, pin, state } = info
      say(`${name} ${version} is installed (${pin ?? ''})${state === 'disabled' ? '' : ', and enabled'}`)
      if (state === 'disabled') say(`Set it (\`berth plugins:info ${name}\`), then \`berth plugins:enable ${name}\``)
    })
}

function addUpdate(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'plugins:update',
      summary: 'fetch a plugin anew from where it was installed from',
      group,
      examples: ['plugins:update audit'],
    }),
  )
    .argument('<plugin>')
    .action(async (plugin: string, { json }: JsonOptions) => {
      const { client } = await openSession()
      const info = await client.plugins.update({ plugin })
      if (json) printJson(info)
      else say(`${plugin} is ${info.version} now (${info.pin ?? ''})`)
    })
}

function addUninstall(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'plugins:uninstall',
      summary: 'remove a plugin that was installed, with its settings',
      group,
      examples: ['plugins:uninstall audit'],
    }),
  )
    .argument('<plugin>')
    .action(async (plugin: string, { json }: JsonOptions) => {
      const { client } = await openSession()
      const was = await client.plugins.uninstall({ plugin })
      if (json) printJson(was)
      else say(`${plugin} ${was.version} is uninstalled`)
    })
}

export function registerPlugins(program: Command): void {
  for (const add of [addPlugins, addInfo, addInstall, addUpdate, addUninstall, addSet]) add(program)
  addSwitch(program, 'enable')
  addSwitch(program, 'disable')
}
