import type { Logger } from '../log.js'
import type { Notifiers } from '../plugins/notifiers.js'
import type { BackupJob } from '../store/backups.js'
import type { ServiceDeps } from '../services/server.js'

/** What the keeper of backups needs. */
export interface BackupDeps extends ServiceDeps {
  readonly log: Logger
  /** Tells who wants to know what fails; without it, nobody. */
  readonly notifiers?: Pick<Notifiers, 'tell' | 'recovered'>
}

/** A job at work: what it says of itself is for whoever follows it. */
export interface RunningTask {
  readonly job: BackupJob
  /** Aborts when somebody calls it off, or the worker stops. */
  readonly signal: AbortSignal
  /** What is being done now, of so many bytes. */
  readonly step: (note: string, total: number | null) => Promise<void>
  /** How many of them are done. */
  readonly onBytes: (bytes: number) => void
}
