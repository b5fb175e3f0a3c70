import type { z } from 'zod'
import type { BuildpackPlugin } from './kinds/buildpack.js'
import type { DnsPlugin } from './kinds/dns.js'
import type { HookPlugin } from './kinds/hook.js'
import type { NotifierPlugin } from './kinds/notifier.js'
import type { RouterPlugin } from './kinds/router.js'
import type { ServicePlugin } from './kinds/service.js'

/** What each kind of plugin answers with when it is started. */
export interface PluginInstances {
  readonly buildpack: BuildpackPlugin
  readonly dns: DnsPlugin
  readonly hook: HookPlugin
  readonly notifier: NotifierPlugin
  readonly router: RouterPlugin
  readonly service: ServicePlugin
}

export type PluginKind = keyof PluginInstances

/** Every kind that this Berth knows. */
export const pluginKinds = [
  'buildpack',
  'dns',
  'hook',
  'notifier',
  'router',
  'service',
] as const satisfies readonly PluginKind[]

/** Notes what happened, in the log of the process that runs the plugin. */
export interface PluginLog {
  info(message: string, fields?: object): void
  warn(message: string, fields?: object): void
  error(message: string, fields?: object): void
}

/** What Berth gives a plugin that it starts. */
export interface PluginHost<S = unknown> {
  /** As the plugin's schema has read them. */
  readonly settings: S
  readonly log: PluginLog
  /** Aborts when the plugin is to stop. */
  readonly signal: AbortSignal
  /** What this Berth is. */
  readonly berth: { readonly version: string; readonly name: string; readonly domain: string }
  /** A directory of the plugin's own, which outlives updates; made when it is asked for. */
  directory(): Promise<string>
}

/** A plugin: what its module exports as `plugin`. Code of Berth's own trust, run as Berth. */
export interface Plugin<K extends PluginKind = PluginKind, S extends z.ZodObject = z.ZodObject> {
  readonly kind: K
  /** `[a-z][a-z0-9-]*`, 40 characters at most; unique in an instance. */
  readonly name: string
  /** As semver has it. */
  readonly version: string
  /** Names of plugins that are started before it. */
  readonly requires?: readonly string[]
  /** What may be set. Values come as text, so numbers and the like want `z.coerce`. A secret one is made with `secret()`. */
  readonly settings?: S
  /**
   * Starts it: within 10 seconds. It is stopped by the host's signal and then, where the instance has one, by its
   * `Symbol.asyncDispose`. A change of its settings stops it and starts it anew.
   */
  start(
    host: PluginHost<z.output<S>>,
  ): Promise<PluginInstances[K] & Partial<AsyncDisposable>> | (PluginInstances[K] & Partial<AsyncDisposable>)
}
