/** A program of its own: runs the code of plugins to see what they are, so that no process of Berth has to. See describe.ts. */

import { writeSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import { messageOf } from '../errors.js'
import type { Inspected, InspectionRequest, PluginDescription, SettingDescription } from './describe.js'
import { importPlugin } from './module.js'
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

async function inspect({ directory, settings }: InspectionRequest): Promise<Inspected> {
  try {
    const plugin = await importPlugin(directory)
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
