import { z } from 'zod'
import { Switch, Time } from '../schemas.js'

const mebibyte = 1024 * 1024

const memory = z
  .int()
  .min(64 * mebibyte, 'at least 64M')
  .describe('bytes')
const cpus = z.number().min(0.01).max(512)

export const ServiceView = z.strictObject({
  id: z.string(),
  name: z.string(),
  kind: z.string().describe('postgres'),
  version: z.string(),
  state: z
    .enum(['creating', 'starting', 'running', 'down', 'stopping', 'stopped', 'failed', 'destroying'])
    .describe('down: it is to run, and does not at this moment'),
  turn: z.int().describe('counts what was asked of it'),
  failure: z.string().nullable().describe('why what was asked last could not be done'),
  note: z.string().nullable().describe('what is being done'),
  createdAt: Time,
  memory: z.int().describe('bytes'),
  cpus: z.number(),
  shared: z.boolean().describe('each app that is linked has data of its own in it'),
  links: z.array(
    z.strictObject({
      app: z.string(),
      variable: z.string().describe('config var that has the URL'),
      current: z.boolean().describe("whether the app's current release has it"),
      since: Time,
    }),
  ),
})
export type ServiceView = z.output<typeof ServiceView>

export const ServiceInfo = ServiceView.extend({
  title: z.string().describe('PostgreSQL'),
  host: z.string().describe('what linked apps reach it by'),
  bytes: z.number().nullable().describe('of its data, as it counts them; null where it does not run'),
  connections: z.int().nullable().describe('clients that are connected; null where it does not run'),
})
export type ServiceInfo = z.output<typeof ServiceInfo>

export const ServiceKindView = z.strictObject({
  kind: z.string(),
  title: z.string(),
  versions: z.array(z.strictObject({ version: z.string(), debian: z.string().describe('release that it is of') })),
})
export type ServiceKindView = z.output<typeof ServiceKindView>

const OfService = z.strictObject({ service: z.string().describe('name of the service') })

export const ServiceLogLine = z.strictObject({ time: Time, text: z.string() })

const asked = { needs: 'admin', params: OfService, reply: ServiceView, status: 202 } as const

export const services = {
  list: { summary: 'List services', needs: 'admin', reply: z.array(ServiceView) },
  versions: {
    summary: 'List the kinds of services that can be made, and their versions',
    needs: 'admin',
    reply: z.array(ServiceKindView),
  },
  create: {
    summary: 'Make a service: a database, a cache, a queue',
    needs: 'admin',
    body: z.strictObject({
      kind: z.string().describe('postgres'),
      name: z.string(),
      version: z.string().optional().describe('the newest of the usual Debian release unless given'),
      memory: memory.optional(),
      cpus: cpus.optional(),
      shared: z
        .literal(true)
        .optional()
        .describe('each app that is linked has data of its own, which no other reaches'),
    }),
    reply: ServiceView,
    status: 202,
  },
  info: { summary: 'Describe a service', needs: 'admin', params: OfService, reply: ServiceInfo },
  change: {
    summary: 'Rename a service, or change its size, which starts it anew',
    needs: 'admin',
    params: OfService,
    body: z.strictObject({ name: z.string().optional(), memory: memory.optional(), cpus: cpus.optional() }),
    reply: ServiceView,
    status: 202,
  },
  start: { summary: 'Start a service', ...asked },
  stop: { summary: 'Stop a service, by its own clean way; its data stays', ...asked },
  restart: { summary: 'Start a service anew, with the newest image of its version', ...asked },
  destroy: {
    summary: 'Destroy a service and its data; refused while an app is linked to it',
    ...asked,
    query: z.strictObject({ confirm: z.string().describe('name of the service') }),
  },
  progress: {
    summary: 'Follow what is being done with a service until it is done',
    needs: 'admin',
    params: OfService,
    reply: z.strictObject({ note: z.string() }),
    stream: 'lines',
    end: ServiceView.nullable().describe('null: it is gone'),
  },
  logs: {
    summary: 'Read what a service writes',
    needs: 'admin',
    params: OfService,
    query: z.strictObject({
      lines: z.coerce.number().int().min(0).max(10_000).default(100).describe('how many of the newest'),
      follow: Switch.optional().describe('go on until the client leaves'),
    }),
    reply: ServiceLogLine,
    stream: 'lines',
    end: z.strictObject({ lines: z.int() }),
  },
  enter: {
    summary: "Run a command in a service's container, or with no words the client of its kind",
    needs: 'admin',
    params: OfService,
    reply: z.null(),
    stream: 'socket',
  },
} as const
