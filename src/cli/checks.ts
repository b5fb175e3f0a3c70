import type { Command } from 'commander'
import type { CheckView } from '../api/contract.js'
import { BerthError } from '../errors.js'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { heading, print, printJson, say, table } from './output.js'
import { followOperation } from './progress.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'

const group = 'Checks'

interface TypeOptions extends AppOptions {
  readonly type: string
  readonly readiness?: boolean | undefined
  readonly liveness?: boolean | undefined
}

/** @throws UsageError */
function phaseOf({ readiness, liveness }: Pick<TypeOptions, 'readiness' | 'liveness'>): CheckView['phase'] {
  if (readiness && liveness)
    throw new UsageError('--readiness and --liveness exclude each other', 'set one, then the other')
  return readiness ? 'readiness' : liveness ? 'liveness' : 'startup'
}

const numbers = ['port', 'uptime', 'attempts', 'timeout', 'wait', 'initialDelay']
const switches = ['listening', 'warn']
const words = ['path', 'scheme', 'status', 'content', 'command']

/** `path=/up`, `header.Host=example.org`. @throws UsageError */
export function parseCheck(given: readonly string[]): Record<string, unknown> {
  const set: Record<string, unknown> = {}
  const headers: [string, string][] = []
  for (const word of given) {
    const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(word) ?? []
    if (name.startsWith('header.')) headers.push([name.slice('header.'.length), value])
    else set[name] = valueOf(name, value, word)
  }
  return headers.length === 0 ? set : { ...set, headers: Object.fromEntries(headers) }
}

function valueOf(name: string, value: string, word: string): unknown {
  if (numbers.includes(name)) {
    if (/^\d{1,9}$/.test(value)) return Number(value)
    throw new UsageError(`${name}=${value.slice(0, 40)}: not a whole number`, `berth checks:set ${name}=5`)
  }
  if (switches.includes(name)) {
    if (value === 'true' || (value === 'false' && name === 'warn')) return value === 'true'
    throw new UsageError(`${name}=${value.slice(0, 40)}: must be true`, `berth checks:unset ${name} takes it back`)
  }
  if (words.includes(name)) return name === 'command' ? [value] : name === 'status' ? value.replace(/\s/g, '') : value
  const names = [...words, ...numbers, ...switches, 'header.NAME'].join(', ')
  throw new UsageError(`"${word.slice(0, 40)}" is nothing of a check`, `NAME=value, with a name of ${names}`)
}

const shownValue = (value: CheckView['values'][string]['value']): string =>
  typeof value === 'object' ? (Array.isArray(value) ? value.join(' ') : JSON.stringify(value)) : String(value)

const rowsOf = ({ phase, name, asks, values }: CheckView): string =>
  [
    `${phase}${name === '' ? '' : ` "${name}"`}: ${asks}`,
    table(Object.entries(values).map(([field, { value, from }]) => [`  ${field}`, shownValue(value), `(${from})`])),
  ].join('\n')

const modes = { check: '', skip: ', skipped', disable: ', disabled' } as const

function addChecks(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'checks',
        summary:
          'list how processes are checked, and who says so: a command (app), a file of the app, or nobody (default)',
        group,
        examples: ['checks -a blog', 'checks --json'],
      }),
    ),
  ).action(async (options: AppOptions & JsonOptions) => {
    const { client, app } = await openApp(options)
    const types = await client.checks.get({ app })
    if (options.json) {
      printJson(types)
      return
    }
    const sections = Object.entries(types).map(([type, { mode, checks }]) => {
      const all = checks.length === 0 ? ['it runs for a second (default)'] : checks.map(rowsOf)
      return `${heading(`${type}${modes[mode]}`)}\n${all.join('\n\n')}`
    })
    print(sections.join('\n\n'))
  })
}

const withType = (command: Command): Command =>
  withApp(command)
    .option('--type <type>', 'process type', 'web')
    .option('--readiness', 'the check of running processes that get no requests while they fail it')
    .option('--liveness', 'the check of running processes that are replaced when they fail it')

function addChecksSet(program: Command): void {
  withType(
    addCommand(program, {
      name: 'checks:set',
      summary: 'say how new processes are checked from the next deploy or restart on, or running ones from now on',
      group,
      examples: [
        'checks:set path=/up status=200 timeout=10 -a blog',
        'checks:set --type worker command="bin/check --deep"',
        'checks:set --liveness path=/up attempts=3 wait=10',
        'checks:set --readiness path=/ready attempts=1 wait=5',
        'checks:set header.Host=example.org',
      ],
    }),
  )
    .argument('<fields...>', 'NAME=value: path, port, status, content, command, uptime, attempts, timeout, wait, …')
    .action(async (given: string[], { type, readiness, liveness, ...options }: TypeOptions) => {
      const set = parseCheck(given)
      const session = await openApp(options)
      const { app, client } = session
      const request = { app, type, phase: phaseOf({ readiness, liveness }), set }
      await followOperation(session, `Setting the checks of ${type} of ${app}`, client.checks.change(request))
    })
}

function addChecksUnset(program: Command): void {
  withType(
    addCommand(program, {
      name: 'checks:unset',
      summary: 'take back what was set of a check; without names, all of it',
      group,
      examples: ['checks:unset path status -a blog', 'checks:unset --liveness'],
    }),
  )
    .argument('[names...]')
    .action(async (names: string[], { type, readiness, liveness, ...options }: TypeOptions) => {
      const session = await openApp(options)
      const { app, client } = session
      const all = [...words, ...numbers, ...switches, 'headers']
      const unset = names.length === 0 ? all : names
      const request = { app, type, phase: phaseOf({ readiness, liveness }), unset }
      await followOperation(session, `Unsetting the checks of ${type} of ${app}`, client.checks.change(request))
    })
}

function addChecksMode(program: Command, name: string, mode: 'check' | 'skip' | 'disable', summary: string): void {
  withApp(
    addCommand(program, {
      name: `checks:${name}`,
      summary,
      group,
      examples: [`checks:${name} -a blog`, `checks:${name} web`],
    }),
  )
    .argument('[types...]', 'process types; default all')
    .action(async (given: string[], options: AppOptions) => {
      const types = given.flatMap((word) => word.split(',')).filter((word) => word !== '')
      const session = await openApp(options)
      const { app, client } = session
      const about = types.length === 0 ? 'all process types' : types.join(', ')
      const said = { check: 'Enabling', skip: 'Skipping', disable: 'Disabling' }[mode]
      await followOperation(
        session,
        `${said} the checks of ${about} of ${app}`,
        client.checks.mode({ app, mode, types }),
      )
    })
}

function addChecksRun(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'checks:run',
        summary: 'do the checks of running processes now, once each, and say what came of them',
        group,
        examples: ['checks:run -a blog', 'checks:run web', 'checks:run web.1'],
      }),
    ),
  )
    .argument('[process]', 'web.1, or web for all of them')
    .action(async (process: string | undefined, options: AppOptions & JsonOptions) => {
      const { client, app } = await openApp(options)
      const results = await client.checks.run({ app, ...(process === undefined ? {} : { process }) })
      if (options.json) printJson(results)
      else if (results.length === 0) say(`nothing of ${app} that runs has a check`)
      else
        print(
          table(
            results.map((one) => [
              one.process,
              one.passed ? 'passed' : 'FAILED',
              `${one.ms} ms`,
              `${one.asks}: ${one.said}`,
            ]),
          ),
        )
      const failed = results.filter((one) => !one.passed).length
      if (failed > 0)
        throw new BerthError(
          'conflict',
          `${failed} of ${results.length} checks failed`,
          'see `berth logs` and `berth checks`',
        )
    })
}

export function registerChecks(program: Command): void {
  for (const add of [addChecks, addChecksSet, addChecksUnset, addChecksRun]) add(program)
  addChecksMode(program, 'skip', 'skip', 'take new processes as up without their checks')
  addChecksMode(program, 'disable', 'disable', 'do without checks, and stop old processes before new ones start')
  addChecksMode(program, 'enable', 'check', 'check new processes again')
}
