import type { Command } from 'commander'
import type { ServiceInfo, ServiceView } from '../api/contract.js'
import { BerthError, is } from '../errors.js'
import { addCommand } from './command.js'
import { confirmByName } from './confirm.js'
import { UsageError } from './failure.js'
import { fields, formatTime, heading, print, printJson, say, table } from './output.js'
import { openSession, withJson, type JsonOptions, type Session } from './session.js'
import { addServiceCopies } from './services-copies.js'
import { addServiceLinks } from './services-links.js'
import { addServiceLooks } from './services-looks.js'
import { formatMemory, parseMemory } from './size.js'

export const group = 'Services'

const linkedTo = ({ links }: ServiceView): string => links.map(({ app }) => app).join(', ')

function addServices(program: Command): void {
  withJson(addCommand(program, { name: 'services', summary: 'list services', group, examples: ['services'] }))
    .alias('services:list')
    .action(async ({ json }: JsonOptions) => {
      const { client } = await openSession()
      const all = await client.services.list({})
      if (json) printJson(all)
      else if (all.length === 0)
        say('There are no services yet; `berth services:versions` lists what can be made with `berth services:create`')
      else {
        print(heading('Services'))
        print(
          table(
            all.map((one) => [
              one.name,
              `${one.kind} ${one.version}`,
              one.state,
              formatMemory(one.memory),
              linkedTo(one),
            ]),
          ),
        )
      }
    })
}

function addVersions(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'services:versions',
      summary: 'list the kinds of services that can be made, and their versions',
      group,
      examples: ['services:versions'],
    }),
  ).action(async ({ json }: JsonOptions) => {
    const { client } = await openSession()
    const all = await client.services.versions({})
    if (json) printJson(all)
    else
      print(table(all.map(({ kind, title, versions }) => [kind, title, versions.map((one) => one.version).join(', ')])))
  })
}

/**
 * Says what is being done with a service, and how it ended.
 * @throws BerthError why it failed
 */
export async function followService(
  { client }: Session,
  text: string,
  request: Promise<ServiceView>,
): Promise<ServiceView | null> {
  process.stderr.write(`${text}... `)
  try {
    const { name } = await request
    const lines = await client.services.progress({ service: name }).catch((error: unknown) => {
      if (is(error, 'missing')) return null // it was destroyed before we could ask
      throw error
    })
    if (lines === null) return done(null)
    let told = false
    for (let next = await lines.next(); ; next = await lines.next()) {
      if (next.done === true) return done(next.value)
      say(`${told ? '' : '\n'}       ${next.value.note}`)
      told = true
    }
  } catch (error) {
    say('!')
    throw error
  }
}

function done(service: ServiceView | null): ServiceView | null {
  if (service?.failure != null)
    throw new BerthError('broken', service.failure, `\`berth services:logs ${service.name}\` shows what it says`)
  say('done')
  return service
}

interface SizeOptions extends JsonOptions {
  readonly memory?: string
  readonly cpus?: string
}

function sizeOf({ memory, cpus }: SizeOptions): { memory?: number; cpus?: number } {
  if (cpus !== undefined && !/^\d+(\.\d+)?$/.test(cpus))
    throw new UsageError(`"${cpus.slice(0, 40)}" is not a number of processors`, 'write it as 1 or 0.5')
  return {
    ...(memory !== undefined && { memory: parseMemory(memory) }),
    ...(cpus !== undefined && { cpus: Number(cpus) }),
  }
}

function addCreate(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'services:create',
      summary: 'make a service, and wait until it serves',
      group,
      examples: [
        'services:create postgres blog-db',
        'services:create postgres blog-db --version 17 --memory 1G',
        'services:create postgres small --shared',
      ],
    }),
  )
    .argument('<kind>', 'postgres, redis, …; `berth services:versions` lists them')
    .argument('<name>')
    .option('--version <version>', 'of those that there are')
    .option('-m, --memory <size>', 'default 512M')
    .option('-c, --cpus <number>', 'default 1')
    .option('--shared', 'each app that is linked has data of its own in it, which no other reaches')
    .action(async (kind: string, name: string, options: SizeOptions & { version?: string; shared?: true }) => {
      const session = await openSession()
      const { version, shared } = options
      const asked = {
        kind,
        name,
        ...sizeOf(options),
        ...(version !== undefined && { version }),
        ...(shared && { shared }),
      }
      const made = await followService(session, `Making ${name}`, session.client.services.create(asked))
      if (options.json) printJson(made)
      else say(`Link an app to it with \`berth services:link ${name} -a APP\``)
    })
}

function show(info: ServiceInfo): void {
  const { name, title, version, state, failure, host, bytes, connections, memory, cpus, createdAt, shared, links } =
    info
  print(heading(name))
  print(
    fields([
      ['Kind', `${title} ${version}${shared ? ', shared' : ''}`],
      ['State', failure === null ? state : `${state}: ${failure}`],
      ['Host', host],
      ['Size', `${formatMemory(memory)} of memory, ${cpus} cpu`],
      ...(bytes === null ? [] : [['Data', `${Math.ceil(bytes / 2 ** 20)} MiB`] as const]),
      ...(connections === null ? [] : [['Connections', String(connections)] as const]),
      ['Made', formatTime(createdAt)],
    ]),
  )
  if (links.length === 0) return
  print(`\n${heading('Links')}`)
  const rows = links.map(({ app, variable, current }) => [app, variable, current ? '' : 'not in its current release'])
  print(table(rows))
}

function addInfo(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'services:info',
      summary: 'show what a service is, how large, and who is linked to it',
      group,
      examples: ['services:info blog-db'],
    }),
  )
    .argument('<service>')
    .action(async (service: string, { json }: JsonOptions) => {
      const { client } = await openSession()
      const info = await client.services.info({ service })
      if (json) printJson(info)
      else show(info)
    })
}

const verbs = {
  start: ['start a service that was stopped, or failed', 'Starting'],
  stop: ['stop a service cleanly; its data stays', 'Stopping'],
  restart: ['start a service anew, with the newest image of its version', 'Restarting'],
} as const

function addVerb(program: Command, verb: keyof typeof verbs): void {
  const [summary, doing] = verbs[verb]
  withJson(addCommand(program, { name: `services:${verb}`, summary, group, examples: [`services:${verb} blog-db`] }))
    .argument('<service>')
    .action(async (service: string, { json }: JsonOptions) => {
      const session = await openSession()
      const after = await followService(session, `${doing} ${service}`, session.client.services[verb]({ service }))
      if (json) printJson(after)
    })
}

function addResize(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'services:resize',
      summary: 'give a service other limits, which starts it anew',
      group,
      examples: ['services:resize blog-db --memory 2G --cpus 2'],
    }),
  )
    .argument('<service>')
    .option('-m, --memory <size>', 'as 512M or 2G')
    .option('-c, --cpus <number>', 'as 1 or 0.5')
    .action(async (service: string, options: SizeOptions) => {
      const size = sizeOf(options)
      if (Object.keys(size).length === 0) throw new UsageError('nothing to change', 'say --memory, or --cpus')
      const session = await openSession()
      const after = await followService(
        session,
        `Resizing ${service}`,
        session.client.services.change({ service, ...size }),
      )
      if (options.json) printJson(after)
    })
}

function addRename(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'services:rename',
      summary: 'call a service otherwise; its URLs stay as they are',
      group,
      examples: ['services:rename blog-db blog-data'],
    }),
  )
    .argument('<service>')
    .argument('<name>')
    .action(async (service: string, name: string, { json }: JsonOptions) => {
      const { client } = await openSession()
      const after = await client.services.change({ service, name })
      if (json) printJson(after)
      else say(`${service} is called ${name} now`)
    })
}

function addDestroy(program: Command): void {
  addCommand(program, {
    name: 'services:destroy',
    summary: 'destroy a service and its data; refused while an app is linked to it',
    group,
    examples: ['services:destroy blog-db', 'services:destroy blog-db --confirm blog-db'],
  })
    .argument('<service>')
    .option('--confirm <name>', 'confirm with the name of the service instead of being asked')
    .action(async (service: string, options: { confirm?: string }) => {
      const session = await openSession()
      const { links } = await session.client.services.info({ service }) // nobody is asked to confirm what is not there
      const warning = `This destroys ${service} with all its data. It cannot be undone.`
      const confirm = links.length > 0 ? service : await confirmByName(service, warning, options.confirm)
      await followService(session, `Destroying ${service}`, session.client.services.destroy({ service, confirm }))
    })
}

export function registerServices(program: Command): void {
  for (const add of [addServices, addVersions, addCreate, addInfo, addResize, addRename, addDestroy]) add(program)
  for (const verb of ['start', 'stop', 'restart'] as const) addVerb(program, verb)
  addServiceCopies(program)
  addServiceLooks(program)
  addServiceLinks(program)
}
