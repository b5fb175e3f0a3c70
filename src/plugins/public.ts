/** All that a plugin may import: `berth/plugin`. What is not here is Berth's own affair, and may change with any version. */

import type { z } from 'zod'
import type { Plugin, PluginKind } from './plugin.js'

export { z } from 'zod'
export { BerthError, is, messageOf, type Fault } from '../errors.js'
export type { Plugin, PluginHost, PluginKind, PluginInstances, PluginLog } from './plugin.js'
export type { BuildpackPlan, BuildpackPlugin, SourceTree } from './kinds/buildpack.js'
export type { DnsPlugin, TxtRecord } from './kinds/dns.js'
export type { HookCall, HookEvent, HookPlugin, HookSay } from './kinds/hook.js'
export type { Notice, NoticeEvent, NotifierPlugin } from './kinds/notifier.js'
export type {
  ServiceBackup,
  ServiceCommand,
  ServiceCredential,
  ServicePlan,
  ServicePlugin,
  ServiceVersion,
} from './kinds/service.js'
export { deadline } from '../lib/deadline.js'
export { KeyedMutex } from '../lib/keyed-mutex.js'
export { secret, url, zones } from './fields.js'
export { askHttp, jsonOf, type HttpAnswer, type HttpOptions, type HttpRequest } from './http.js'
export { signatureOf, signedHeaders } from './signed.js'
export { listedZones, longestZone, nameBelow } from './zones.js'
export { execute, type Executed, type ExecuteOptions } from './execute.js'
export {
  requestIdMark,
  type DataPlane,
  type PlaneCertificate,
  type PlaneEvents,
  type PlanePage,
  type PlanePlace,
  type PlaneProgram,
  type PlaneState,
  type PlaneTarget,
  type RouterPlugin,
} from './kinds/router.js'

/** For a plugin's file: `export const plugin = definePlugin({ kind: 'dns', … })`. */
export const definePlugin = <K extends PluginKind, S extends z.ZodObject = z.ZodObject>(
  plugin: Plugin<K, S>,
): Plugin<K, S> => plugin
