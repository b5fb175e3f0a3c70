import type Docker from 'dockerode'
import type { Config } from '../config.js'
import type { Logger } from '../log.js'
import type { Scheduler } from '../scheduler/scheduler.js'
import type { Store } from '../store/store.js'

/** All that carrying out a deploy takes. */
export interface Workshop {
  readonly config: Config
  readonly store: Store
  readonly docker: Docker
  readonly scheduler: Scheduler
  readonly log: Logger
}
