import { registerHooks } from 'node:module'
import { z } from 'zod'
import { BerthError } from '../errors.js'
import { entryOf } from './find.js'
import { pluginKinds, type Plugin } from './plugin.js'

/** What plugins import. Whatever lies around a plugin, it is this process's own. */
const publicName = 'berth/plugin'
const publicModule = new URL(`./public${import.meta.url.slice(-3)}`, import.meta.url).href

let hooked = false

function offerPublic(): void {
  if (hooked) return
  hooked = true
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === publicName ? { url: publicModule, shortCircuit: true } : next(specifier, context),
  })
}

export const PluginName = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,39}$/,
    'a name is of small letters, digits and hyphens, 40 at most, and begins with a letter',
  )

const isSchema = (value: unknown): value is z.ZodObject =>
  typeof value === 'object' && value !== null && 'safeParse' in value && 'shape' in value

const Shape = z.object({
  kind: z.enum(pluginKinds, `this Berth knows the kinds ${pluginKinds.join(', ')}`),
  name: PluginName,
  version: z.string().regex(/^\d{1,9}\.\d{1,9}\.\d{1,9}([-+][\w.+-]{1,60})?$/, 'a version is as 1.2.3'),
  requires: z.array(PluginName).max(50).optional(),
  settings: z.custom<z.ZodObject>(isSchema, "settings are a z.object of berth/plugin's z").optional(),
  start: z.custom<Plugin['start']>((value) => typeof value === 'function', 'start is a function'),
})

/**
 * Imports a plugin's module, which runs its code, and takes its record.
 * @throws BerthError `invalid` of what is no plugin; whatever its code throws
 */
export async function importPlugin(directory: string): Promise<Plugin> {
  const entry = await entryOf(directory)
  offerPublic()
  const { plugin } = (await import(entry)) as { plugin?: unknown }
  if (plugin === undefined)
    throw new BerthError('invalid', 'its module exports no `plugin`', 'docs/plugins.md says what a plugin is')
  const read = Shape.safeParse(plugin)
  if (!read.success) throw new BerthError('invalid', `it is no plugin: ${problemsOf(read.error)}`)
  return plugin as Plugin
}

/** What is wrong with a value, in a line. */
export const problemsOf = (error: z.ZodError): string =>
  error.issues.map(({ path, message }) => [path.join('.'), message].filter((part) => part !== '').join(': ')).join('; ')
