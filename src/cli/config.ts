import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { BerthError } from '../errors.js'
import { own } from '../lib/own.js'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { fields, heading, print, printJson, say } from './output.js'
import { followOperation } from './progress.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'

const group = 'Config vars'

/** `K=V`, split at the first `=`. @throws UsageError */
function split(word: string): [string, string] {
  const at = word.indexOf('=')
  if (at < 1)
    throw new UsageError(
      at === 0 ? 'a config var needs a name before its `=`' : `"${word.slice(0, 40)}" is not NAME=value`,
      'berth config:set GREETING=hi',
    )
  return [word.slice(0, at), word.slice(at + 1)]
}

async function read(path: string): Promise<string> {
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    if (path !== '-') return decoder.decode(await readFile(path))
    const chunks: Buffer[] = []
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
    return decoder.decode(Buffer.concat(chunks))
  } catch (cause) {
    const name = path === '-' ? 'standard input' : path
    if (cause instanceof TypeError)
      throw new BerthError('invalid', `${name} is not UTF-8 text`, 'encode it, as base64 for instance', cause)
    throw new BerthError('invalid', `${name} cannot be read`, (cause as Error).message, cause)
  }
}

interface SetOptions extends AppOptions {
  readonly build?: boolean
  readonly run?: boolean
  readonly file?: readonly string[]
  readonly envFile?: string
}

/** Everything the command line names; what comes later wins. */
async function collect(words: readonly string[], { file = [], envFile }: SetOptions): Promise<Record<string, string>> {
  const vars = new Map(envFile === undefined ? [] : Object.entries(await readEnvFile(envFile)))
  for (const [name, path] of file.map(split)) vars.set(name, await read(path))
  for (const [name, value] of words.map(split)) vars.set(name, value)
  if (vars.size === 0) throw new UsageError('no config var to set', 'berth config:set GREETING=hi')
  return Object.fromEntries(vars)
}

async function readEnvFile(path: string): Promise<Record<string, string>> {
  const { parseEnvFile } = await import('./env-file.js')
  return parseEnvFile((await read(path)).replace(/^\ufeff/, '')) // an editor's mark, no part of a name
}

type AppSession = Awaited<ReturnType<typeof openApp>>
type Reach = 'build' | 'run' | 'both'

/** Who is to have what is set; undefined where nothing is said of it. */
const reachOf = ({ build = false, run = false }: SetOptions): Reach | undefined =>
  build && run ? 'both' : build ? 'build' : run ? 'run' : undefined

/** Whether processes neither have these config vars nor get them: then nothing restarts. */
async function areOfBuilds({ client, app }: AppSession, names: readonly string[], reach?: Reach): Promise<boolean> {
  const [vars, only] = await Promise.all([client.config.get({ app }), client.config.reach({ app })])
  return names.every((name) => {
    const now = own(only, name) ?? (Object.hasOwn(vars, name) ? 'both' : undefined)
    return (now ?? 'build') === 'build' && (reach ?? now) === 'build'
  })
}

const doing = (verb: string, names: readonly string[], app: string, ofBuilds: boolean): string =>
  ofBuilds ? `${verb} ${few(names)} for the next build of ${app}` : `${verb} ${few(names)} and restarting ${app}`

const few = (names: readonly string[]): string => (names.length > 5 ? `${names.length} config vars` : names.join(', '))

/** In which order, and under which words, config vars are listed. */
const sides = [
  [undefined, ''],
  ['build', 'Builds alone have:\n'],
  ['run', 'Processes alone have:\n'],
] as const

function addConfig(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'config',
        summary: 'list config vars',
        group,
        examples: ['config -a blog', 'config --shell > .env'],
      }),
    ),
  )
    .option('-s, --shell', 'print NAME=value lines, quoted for a shell')
    .action(async (options: AppOptions & JsonOptions & { shell?: boolean }) => {
      const { client, app } = await openApp(options)
      const [all, reach] = await Promise.all([client.config.get({ app }), client.config.reach({ app })])
      const vars = Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1))
      const only = (name: string): 'build' | 'run' | undefined => own(reach, name)
      if (options.json) {
        const shown = ([name, value]: [string, string]) => [name, only(name) ? { value, reach: only(name) } : value]
        printJson(Object.fromEntries(vars.map(shown)))
        return
      }
      if (options.shell) {
        const { formatVar } = await import('./env-file.js')
        for (const [name, value] of vars) print(formatVar(name, value))
        return
      }
      if (vars.length === 0) {
        say(`${app} has no config vars`)
        return
      }
      print(heading(`${app} Config Vars`))
      for (const [side, title] of sides) {
        const some = vars.filter(([name]) => only(name) === side)
        if (some.length > 0) print(`${title}${fields(some)}${Object.keys(reach).length > 0 ? '\n' : ''}`)
      }
    })
}

function addConfigGet(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'config:get',
        summary: 'print the value of a config var',
        group,
        examples: ['config:get GREETING -a blog'],
      }),
    ),
  )
    .argument('<name>')
    .action(async (name: string, options: AppOptions & JsonOptions) => {
      const { client, app } = await openApp(options)
      const vars = await client.config.get({ app })
      if (!Object.hasOwn(vars, name))
        throw new BerthError(
          'missing',
          `${app} has no config var ${name.slice(0, 80)}`,
          `\`berth config -a ${app}\` lists them all`,
        )
      if (options.json) printJson({ [name]: vars[name] })
      else print(vars[name] ?? '')
    })
}

function addConfigSet(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'config:set',
      summary: 'set config vars and restart the app with them',
      group,
      examples: [
        'config:set GREETING=hi LEVEL=3 -a blog',
        'config:set --file KEY=key.pem',
        'config:set --env-file .env',
        'config:set --build NPM_TOKEN=…',
      ],
    }),
  )
    .argument('[vars...]', 'NAME=value; everything after the first = is the value, unchanged')
    .option(
      '--file <name=path>',
      'read a value from a file (- is standard input); may be repeated',
      (word: string, all: string[] | undefined) => [...(all ?? []), word],
    )
    .option(
      '--env-file <path>',
      'read all vars of a dotenv file or of the output of `config --shell` (- is standard input)',
    )
    .option('--build', 'builds have them: processes do not, and nothing restarts')
    .option('--run', 'processes have them, and builds do not; with --build, both (as new ones without either)')
    .action(async (words: string[], options: SetOptions) => {
      const set = await collect(words, options)
      const session = await openApp(options)
      const { app, client } = session
      const reach = reachOf(options)
      const names = Object.keys(set)
      const text = doing('Setting', names, app, await areOfBuilds(session, names, reach))
      await followOperation(session, text, client.config.change({ app, set, ...(reach && { reach }) }))
    })
}

function addConfigUnset(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'config:unset',
      summary: 'remove config vars and restart the app without them',
      group,
      examples: ['config:unset GREETING -a blog'],
    }),
  )
    .argument('<names...>')
    .action(async (unset: string[], options: AppOptions) => {
      const session = await openApp(options)
      const { app, client } = session
      const text = doing('Unsetting', unset, app, await areOfBuilds(session, unset))
      await followOperation(session, text, client.config.change({ app, unset }))
    })
}

export function registerConfig(program: Command): void {
  for (const add of [addConfig, addConfigGet, addConfigSet, addConfigUnset]) add(program)
}
