import { z } from 'zod'

export const PluginView = z.strictObject({
  name: z.string(),
  kind: z.string().describe('what it is for: dns, hook, router'),
  version: z.string(),
  source: z.enum(['berth', 'folder', 'npm', 'git']).describe('berth: it came with Berth'),
  state: z
    .enum(['available', 'disabled', 'enabled', 'running', 'failed'])
    .describe('available: it came with Berth, and nobody has enabled it; enabled: it starts when it is needed'),
  failure: z.string().nullable().describe('why it does not start'),
})
export type PluginView = z.output<typeof PluginView>

export const PluginInfo = PluginView.extend({
  from: z.string().nullable().describe('what it was installed from'),
  pin: z.string().nullable().describe('which one of that: a version, a commit, a digest'),
  requires: z.array(z.string()).describe('plugins that start before it'),
  settings: z.array(
    z.strictObject({
      name: z.string(),
      description: z.string(),
      value: z.string().nullable().describe('as it was set; a secret one is never told'),
      set: z.boolean(),
      default: z.string().nullable(),
      secret: z.boolean(),
      required: z.boolean(),
    }),
  ),
})
export type PluginInfo = z.output<typeof PluginInfo>

const OfPlugin = z.strictObject({ plugin: z.string().describe('name of the plugin') })

export const plugins = {
  list: { summary: 'List the plugins that there are', needs: 'admin', reply: z.array(PluginView) },
  info: { summary: 'Describe a plugin and its settings', needs: 'admin', params: OfPlugin, reply: PluginInfo },
  change: {
    summary: 'Set, enable or disable a plugin',
    needs: 'admin',
    params: OfPlugin,
    body: z.strictObject({
      enabled: z.boolean().optional(),
      settings: z
        .record(z.string().max(100), z.string().max(65_536).nullable())
        .optional()
        .describe('those that change; null is as by default'),
    }),
    reply: PluginInfo,
  },
} as const
