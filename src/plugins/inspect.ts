/** A program of its own: runs the code of plugins to see what they are, so that no process of Berth has to. See describe.ts. */

import { writeSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import { BerthError, messageOf } from '../errors.js'
import { version } from '../version.js'
import type {
  Inspected,
  InspectionRequest,
  PluginDescription,
  ServiceDescription,
  SettingDescription,
} from './describe.js'
import { importPlugin, problemsOf } from './module.js'
import type { Plugin } from './plugin.js'

/** Where the answer goes: what a plugin prints is not to be in it. */
const answers = 3

interface Property {
  readonly description?: string
  readonly default?: unknown
  readonly secret?: unknown
}

function settingsOf(schema: z.ZodObject | undefined): SettingDescription[] {
  if (schema === undefined) return []
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as {
    properties?: Record<string, Property>
  }
  return Object.entries(properties).map(([name, { description = '', default: fallback, secret }]) => ({
    name,
    description,
    default: fallback === undefined ? null : String(fallback as number),
    secret: secret === true,
    required: !(schema.shape[name] as z.ZodType).safeParse(undefined).success,
  }))
}

function problemsWith({ settings }: Plugin, given: Readonly<Record<string, string>>): Record<string, string> {
  const schema = settings ?? z.strictObject({})
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(schema.shape, name))
  const read = schema.safeParse(given)
  const issues = (read.error?.issues ?? []).filter(({ code }) => code !== 'unrecognized_keys')
  return Object.fromEntries([
    ...unknown.map((name) => [name, 'there is no such setting']),
    ...issues.map(({ path, message }) => [String(path[0] ?? ''), message]),
  ]) as Record<string, string>
}

const Line = z.string().min(1).max(200)

/** What is taken of what a recipe says: it is of somebody who may be wrong. */
const Service = z.object({
  title: Line,
  variable: z.string().regex(/^[A-Z][A-Z0-9_]{0,60}$/, 'the name of a variable is of capitals, digits and `_`'),
  shareable: z.literal(true).optional(),
  versions: z.tuple(
    [z.object({ version: Line, debian: Line, packages: z.array(Line).min(1) })],
    z.object({ version: Line, debian: Line, packages: z.array(Line).min(1) }),
  ),
})

async function serviceOf(
  plugin: Plugin,
  given: Readonly<Record<string, string>> = {},
): Promise<ServiceDescription | null> {
  if (plugin.kind !== 'service') return null
  const log = (): void => undefined
  const started: unknown = await plugin.start({
    settings: plugin.settings?.parse(given) ?? {},
    log: { info: log, warn: log, error: log },
    signal: new AbortController().signal,
    berth: { version, name: '', domain: '' },
    directory: () => Promise.reject(new BerthError('invalid', 'a recipe of services keeps nothing')),
  })
  const read = Service.safeParse(started)
  if (read.success) return read.data
  throw new BerthError('invalid', `it is no recipe of services: ${problemsOf(read.error)}`)
}

async function inspect({ directory, settings, service }: InspectionRequest): Promise<Inspected> {
  try {
    const plugin = await importPlugin(directory)
    if (service) {
      const described = await serviceOf(plugin, settings)
      return { description: null, problem: null, settings: {}, service: described }
    }
    const { name, kind, version, requires = [] } = plugin
    const description: PluginDescription = { name, kind, version, requires, settings: settingsOf(plugin.settings) }
    return { description, problem: null, settings: settings === undefined ? {} : problemsWith(plugin, settings) }
  } catch (error) {
    return { description: null, problem: messageOf(error), settings: {} }
  }
}

const requests = JSON.parse(await text(process.stdin)) as InspectionRequest[]
const answer = Buffer.from(JSON.stringify(await Promise.all(requests.map(inspect))))
for (let at = 0; at < answer.length;) at += writeSync(answers, answer, at)
process.exit() // whatever a plugin has begun
