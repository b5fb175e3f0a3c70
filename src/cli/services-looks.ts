import type { Command } from 'commander'
import { harmless } from '../lib/terminal.js'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { print } from './output.js'
import { runHere } from './run-here.js'
import { openSession, withJson, type JsonOptions } from './session.js'

const group = 'Services'

interface LogsOptions extends JsonOptions {
  readonly tail?: boolean
  readonly num?: string
}

function addLogs(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'services:logs',
      summary: 'show what a service writes',
      group,
      examples: ['services:logs blog-db', 'services:logs -t blog-db', 'services:logs -n 500 blog-db'],
    }),
  )
    .argument('<service>')
    .option('-t, --tail', 'follow it')
    .option('-n, --num <lines>', 'how many lines, from the newest', '100')
    .action(async (service: string, { json, tail, num = '100' }: LogsOptions) => {
      const lines = Number(num)
      if (!/^\d+$/.test(num) || lines > 10_000)
        throw new UsageError(`"${num.slice(0, 40)}" is not a number of lines`, 'ask for 0 to 10000')
      const { client } = await openSession()
      const log = await client.services.logs({ service, lines, ...(tail ? { follow: 'true' as const } : {}) })
      for await (const line of log) print(json ? JSON.stringify(line) : `${line.time} ${harmless(line.text)}`)
    })
}

interface EnterOptions {
  readonly tty?: boolean
}

async function enter(service: string, command: readonly string[], { tty }: EnterOptions): Promise<void> {
  const session = await openSession()
  const terminal = process.stdin.isTTY && process.stdout.isTTY
  const path = `services/${encodeURIComponent(service)}/enter`
  process.stderr.write(`Connecting to ${service}... `)
  process.exitCode = await runHere(session, path, command, tty ?? terminal)
}

function addConnect(program: Command): void {
  addCommand(program, {
    name: 'services:connect',
    summary: "open a service's own client (psql, redis-cli) as its administrator",
    group,
    examples: ['services:connect blog-db', 'services:connect blog-db < schema.sql'],
  })
    .argument('<service>')
    .option('--no-tty', 'without a terminal')
    .action((service: string, { tty }: EnterOptions) => enter(service, [], tty === false ? { tty } : {}))
}

function addEnter(program: Command): void {
  addCommand(program, {
    name: 'services:enter',
    summary: "run a command in a service's container, a shell unless given",
    group,
    examples: ['services:enter blog-db', 'services:enter blog-db -- df -h'],
  })
    .argument('<service>')
    .argument('[command...]')
    .option('--no-tty', 'without a terminal')
    .passThroughOptions()
    .action((service: string, words: readonly string[], { tty }: EnterOptions) => {
      // commander leaves the dashes that end our options to who passes them through
      const command = words[0] === '--' ? words.slice(1) : words
      return enter(service, command.length === 0 ? ['bash'] : command, tty === false ? { tty } : {})
    })
}

export function addServiceLooks(program: Command): void {
  for (const add of [addLogs, addConnect, addEnter]) add(program)
}
