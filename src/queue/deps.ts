import type { Config } from '../config.js'
import type { DiskMeter } from '../disk/meter.js'
import type { EngineClient } from '../engine-client/client.js'
import type { Logger } from '../log.js'
import type { Scheduler } from '../scheduler/scheduler.js'
import type { Store } from '../store/store.js'
import type { Notifiers } from '../plugins/notifiers.js'
import type { RunningPlugins } from '../plugins/running.js'
import type { Hooks } from '../plugins/hooks.js'
import type { ServiceLinks } from '../services/links.js'
import type { Semaphore } from '../lib/semaphore.js'

/** All that carrying out an operation takes. */
export interface OperationDeps {
  readonly config: Config
  readonly store: Store
  readonly engine: EngineClient
  readonly scheduler: Scheduler
  readonly log: Logger
  /** The links of apps to services. */
  readonly services: Pick<ServiceLinks, 'link' | 'rotate' | 'remaining' | 'unlink' | 'unlinkAll'>
  /** Whom it tells what happens to apps, and who may refuse it. */
  readonly hooks: Hooks
  /** Builds in a pool of their own: however long they take, other changes go on. */
  readonly builds: Semaphore
  readonly changes: Semaphore
  /** Tells who wants to know how changes end; without it, nobody. */
  readonly notifiers?: Pick<Notifiers, 'tell' | 'recovered'>
  /** Those that bring buildpacks; without it, none does. */
  readonly plugins?: Pick<RunningPlugins, 'running'>
  /** What apps may have of the disk; without it, all. */
  readonly meter?: Pick<DiskMeter, 'demandRoom'>
}
