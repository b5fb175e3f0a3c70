import type { Command } from 'commander'
import type { RoutingView } from '../api/contract.js'
import { parseDuration } from '../lib/duration.js'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { heading, print, printJson, say, table } from './output.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'
import { formatMemory, parseMemory } from './size.js'

const group = 'Routing'

type Rate = NonNullable<RoutingView['rate']>

/** What `routing:set` and `routing:unset` change, as the API takes it. */
interface Edit {
  rate?: Rate | null
  clientRate?: Rate | null
  compress?: boolean
  sticky?: boolean
  assets?: string[]
  protocol?: 'h2c' | null
  body?: number | null
  timeout?: number | null
  headers?: Record<string, string | null>
}

const names = [
  'timeout',
  'body',
  'rate',
  'client-rate',
  'compress',
  'sticky',
  'protocol',
  'assets',
  'header.NAME',
] as const

const unknown = (name: string): UsageError =>
  new UsageError(`"${name.slice(0, 40)}" is nothing of routing`, `set ${names.join(', ')}`)

/** @throws UsageError */
function secondsOf(name: string, text: string): number {
  const ms = parseDuration(/^\d+$/.test(text) ? `${text}s` : text)
  if (ms !== null) return ms / 1000
  throw new UsageError(`${name}=${text.slice(0, 40)}: not a time`, `write it as ${name}=90s or ${name}=5m`)
}

/** @throws UsageError */
function switchOf(name: string, text: string): boolean {
  if (text === 'on' || text === 'off') return text === 'on'
  throw new UsageError(`${name}=${text.slice(0, 40)}: neither on nor off`, `write it as ${name}=on`)
}

/** @throws UsageError */
function protocolOf(text: string): 'h2c' | null {
  if (text === 'h2c') return text
  if (text === 'http1') return null
  throw new UsageError(`protocol=${text.slice(0, 40)}: neither h2c nor http1`, 'write it as protocol=h2c for gRPC')
}

/** `100/10s`, `1000/m`. @throws UsageError */
function rateOf(name: string, text: string): Rate {
  const [, requests = '', time = ''] = /^([1-9]\d{0,6})\/(\d{0,6}[smhd])$/.exec(text) ?? []
  const ms = parseDuration(/^\d/.test(time) ? time : `1${time}`)
  if (requests !== '' && ms !== null) return { requests: Number(requests), seconds: ms / 1000 }
  throw new UsageError(
    `${name}=${text.slice(0, 40)}: not so many requests in so long`,
    `write it as ${name}=100/10s or ${name}=1000/m`,
  )
}

/** `timeout=60s body=10M rate=1000/m client-rate=20/10s header.X-Frame-Options=DENY`. @throws UsageError */
export function parseRouting(given: readonly string[]): Edit {
  const edit: Edit = {}
  for (const word of given) {
    const [, name = word, value] = /^([^=]+)=(.*)$/s.exec(word) ?? []
    if (value === undefined) throw new UsageError(`"${word.slice(0, 40)}" sets nothing`, 'write it as NAME=value')
    if (name.startsWith('header.')) edit.headers = { ...edit.headers, [name.slice('header.'.length)]: value }
    else if (name === 'timeout') edit.timeout = secondsOf(name, value)
    else if (name === 'body') edit.body = parseMemory(value)
    else if (name === 'compress' || name === 'sticky') edit[name] = switchOf(name, value)
    else if (name === 'assets') edit.assets = value.split(',').filter((path) => path !== '')
    else if (name === 'protocol') edit.protocol = protocolOf(value)
    else if (name === 'rate') edit.rate = rateOf(name, value)
    else if (name === 'client-rate') edit.clientRate = rateOf(name, value)
    else throw unknown(name)
  }
  return edit
}

/** The edit that takes these back. @throws UsageError */
export function parseUnset(given: readonly string[]): Edit {
  const edit: Edit = {}
  for (const name of given) {
    if (name.startsWith('header.')) edit.headers = { ...edit.headers, [name.slice('header.'.length)]: null }
    else if (name === 'timeout' || name === 'body' || name === 'rate' || name === 'protocol') edit[name] = null
    else if (name === 'client-rate') edit.clientRate = null
    else if (name === 'assets') edit.assets = []
    else if (name === 'compress' || name === 'sticky') edit[name] = false
    else throw unknown(name)
  }
  return edit
}

const formatRate = ({ requests, seconds }: Rate): string => `${requests} requests in ${seconds} s`

function rows({
  rate,
  clientRate,
  compress,
  sticky,
  protocol,
  assets,
  body,
  timeout,
  headers,
}: RoutingView): string[][] {
  return [
    ...(timeout === null ? [] : [['timeout', `${timeout} s until the first byte of an answer`]]),
    ...(body === null ? [] : [['body', `${formatMemory(body)} of a request at most`]]),
    ...(compress ? [['compress', 'on: brotli or gzip, as the client takes it']] : []),
    ...(sticky ? [['sticky', 'on: clients come back to the process that has answered them before']] : []),
    ...(protocol ? [['protocol', `${protocol}: it is asked by HTTP/2`]] : []),
    ...(assets.length > 0 ? [['assets', `${assets.join(', ')}: files of earlier releases are kept`]] : []),
    ...(rate ? [['rate', `${formatRate(rate)}, of all clients together`]] : []),
    ...(clientRate ? [['client-rate', `${formatRate(clientRate)}, of each client`]] : []),
    ...Object.entries(headers).map(([name, value]) => [`header.${name}`, value === '' ? '(taken away)' : value]),
  ]
}

function show(app: string, view: RoutingView, json: boolean | undefined): void {
  if (json) {
    printJson(view)
    return
  }
  print(heading(`${app} Routing`))
  const all = rows(view)
  print(all.length === 0 ? 'as for all apps' : table(all))
}

function addRouting(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'routing',
        summary: 'show limits of the requests to an app, and headers that its answers get',
        group,
        examples: ['routing -a blog', 'routing --json'],
      }),
    ),
  ).action(async (options: AppOptions & JsonOptions) => {
    const { client, app } = await openApp(options)
    show(app, await client.routing.get({ app }), options.json)
  })
}

function addRoutingSet(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'routing:set',
      summary: 'limit the requests to an app, or set headers of its answers, at once',
      group,
      examples: [
        'routing:set client-rate=20/10s rate=1000/m -a blog',
        'routing:set timeout=2m body=10M compress=on',
        'routing:set header.X-Frame-Options=DENY header.Server=',
      ],
    }),
  )
    .argument('<fields...>', `NAME=value: ${names.join(', ')} (nothing after = takes it away from answers)`)
    .action(async (given: string[], options: AppOptions) => {
      const edit = parseRouting(given)
      const { client, app } = await openApp(options)
      await client.routing.change({ app, ...edit })
      say(`Set ${given.map((word) => word.split('=')[0]).join(', ')} for ${app}`)
    })
}

function addRoutingUnset(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'routing:unset',
      summary: 'take back what was set',
      group,
      examples: ['routing:unset client-rate header.X-Frame-Options -a blog'],
    }),
  )
    .argument('<names...>', names.join(', '))
    .action(async (given: string[], options: AppOptions) => {
      const edit = parseUnset(given)
      const { client, app } = await openApp(options)
      await client.routing.change({ app, ...edit })
      say(`Unset ${given.join(', ')} for ${app}`)
    })
}

export function registerRouting(program: Command): void {
  for (const add of [addRouting, addRoutingSet, addRoutingUnset]) add(program)
}
