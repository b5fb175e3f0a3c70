import { messageOf } from '../errors.js'
import type { Logger } from '../log.js'
import type { Notices } from '../store/notices.js'

/** Tells an app's owner, in its log, what Berth does with a process, or sees of it. */
export type Tell = (app: string, process: string, text: string) => void

/** Tells it in the background: what goes on waits for no log. */
export function tellTo(
  notices: Pick<Notices, 'add'>,
  log: Logger,
): {
  readonly tell: Tell
  /** Resolves when all that was told is written. */
  ended(): Promise<void>
} {
  const writing = new Set<Promise<void>>()
  return {
    tell: (app, process, text) => {
      const done = notices
        .add(app, process, text)
        .catch((error: unknown) => log.warn({ app, process, text }, `cannot be told in its log: ${messageOf(error)}`))
        .finally(() => writing.delete(done))
      writing.add(done)
    },
    ended: async () => {
      await Promise.all(writing)
    },
  }
}
