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
  install: {
    summary:
      'Fetch a plugin from a folder of the server, a git URL or the npm registry, and enable it if it needs no setting',
    needs: 'admin',
    body: z.strictObject({
      from: z.string().min(1).max(1000).describe('/srv/my-plugin, https://…#branch, name@1.2.3'),
    }),
    reply: PluginInfo,
    status: 201,
  },
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
  update: {
    summary:
      'Fetch a plugin anew from where it was installed from; one that does not take its settings changes nothing',
    needs: 'admin',
    params: OfPlugin,
    reply: PluginInfo,
  },
  uninstall: {
    summary: 'Remove a plugin that was installed, its settings and what it has kept',
    needs: 'admin',
    params: OfPlugin,
    reply: PluginView,
  },
} as const
