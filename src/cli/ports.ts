import type { Command } from 'commander'
import type { PortView } from '../api/contract.js'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { heading, print, printJson, say, table } from './output.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'

const group = 'Routing'

interface PortWord {
  readonly port: number
  readonly protocol: PortView['protocol']
}

const named = ({ port, protocol }: PortWord): string => `${port}/${protocol}`

function readNumber(text: string, what: string): number {
  const number = Number(text)
  if (!/^\d{1,5}$/.test(text) || number < 1 || number > 65_535)
    throw new UsageError(`"${text.slice(0, 40)}" is no ${what}`, 'a port is a number from 1 to 65535')
  return number
}

/** `5432`, `5432:tcp`, `53:udp`. @throws UsageError */
export function readPort(word: string): PortWord {
  const [number = '', protocol = 'tcp', ...more] = word.split(':')
  if ((protocol !== 'tcp' && protocol !== 'udp') || more.length > 0)
    throw new UsageError(`"${word.slice(0, 40)}" is no port`, 'write it as 5432:tcp or 53:udp')
  return { port: readNumber(number, 'port'), protocol }
}

/** `web, port 5432`. */
const placeOf = ({ type, to, proxyProtocol }: PortView): string =>
  `${type}, port ${to}${proxyProtocol ? ', with a PROXY head' : ''}`

const stateOf = ({ problem, processes, type }: PortView): string =>
  problem !== null
    ? `not open: ${problem}`
    : processes === 0
      ? `no process of ${type} is up`
      : `${processes} ${processes === 1 ? 'process' : 'processes'}`

function addPorts(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'ports',
        summary: 'list the ports of the machine that lead to an app',
        group,
        examples: ['ports -a db', 'ports --json'],
      }),
    ),
  )
    .alias('ports:list')
    .action(async (options: AppOptions & JsonOptions) => {
      const { client, app } = await openApp(options)
      const all = await client.ports.list({ app })
      if (options.json) printJson(all)
      else {
        print(heading(`${app} Ports`))
        print(all.length === 0 ? 'none' : table(all.map((one) => [named(one), placeOf(one), stateOf(one)])))
      }
    })
}

interface AddOptions extends AppOptions, JsonOptions {
  readonly to?: string
  readonly process?: string
  readonly proxyProtocol?: boolean
}

function addPortsAdd(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'ports:add',
        summary: 'have a TCP or UDP port of the machine lead to processes of an app, at once; nothing is restarted',
        group,
        examples: ['ports:add 5432:tcp -a db', 'ports:add 5353:udp --to 53 --process dns', 'ports:add 7000 --to 5000'],
      }),
    ),
  )
    .argument('<port>', '5432, 5432:tcp, 5353:udp')
    .option('--to <port>', 'port that the processes listen on; the same unless said')
    .option('--process <type>', 'process type; web unless said')
    .option('--proxy-protocol', 'each connection begins with a PROXY head, version 2, that says who the client is')
    .action(async (word: string, options: AddOptions) => {
      const { to, process: type, proxyProtocol } = options
      const port = readPort(word)
      const more = {
        ...(to !== undefined && { to: readNumber(to, 'port to lead to') }),
        ...(type !== undefined && { type }),
        ...(proxyProtocol && { proxyProtocol }),
      }
      const { client, app } = await openApp(options)
      const added = await client.ports.add({ app, ...port, ...more })
      if (options.json) printJson(added)
      else say(`Port ${named(added)} leads to ${app}: ${placeOf(added)} (${stateOf(added)})`)
    })
}

function addPortsRemove(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'ports:remove',
        summary: 'take ports of the machine from an app, at once: connections by them are broken off',
        group,
        examples: ['ports:remove 5432:tcp -a db'],
      }),
    ),
  )
    .argument('<ports...>', '5432, 5432:tcp, 5353:udp')
    .action(async (words: string[], options: AppOptions & JsonOptions) => {
      const ports = words.map(readPort)
      const { client, app } = await openApp(options)
      const gone: PortView[] = []
      for (const { port, protocol } of ports) {
        const one = await client.ports.remove({ app, port: `${port}:${protocol}` })
        gone.push(one)
        if (!options.json) say(`Port ${named(one)} leads to ${app} no more`)
      }
      if (options.json) printJson(gone)
    })
}

export function registerPorts(program: Command): void {
  for (const add of [addPorts, addPortsAdd, addPortsRemove]) add(program)
}
