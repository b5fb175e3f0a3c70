import type { Config } from '../config.js'
import { cronRunChannel, isOverRun, type CronRun } from '../store/cron.js'
import type { Store } from '../store/store.js'
import { OutputReader, outputFile, type OutputLine } from './output.js'

/** Looked at this often even if nothing is heard: Redis may have lost one. Milliseconds. */
const patience = 5_000

/** What a run wrote, as it is written, until it is over; answers with the run as it is then. Ends early with the signal. */
export async function* followRun(
  { config, store }: { readonly config: Config; readonly store: Store },
  app: string,
  run: CronRun,
  { follow, signal }: { readonly follow: boolean; readonly signal: AbortSignal },
): AsyncGenerator<OutputLine, CronRun, void> {
  const reader = new OutputReader(outputFile(config, app, run.id))
  let wake: () => void = () => undefined
  let news = false
  const hear = (id: string): void => {
    if (id !== run.id && id !== '') return
    news = true
    wake()
  }
  const unsubscribe = follow ? await store.notifications.subscribe(cronRunChannel(app), hear) : () => undefined
  const left = (): void => wake()
  signal.addEventListener('abort', left)
  try {
    for (;;) {
      news = false
      // the run first: whatever it wrote before its end is then in the file
      const now = (await store.cron.run(app, run.id)) ?? { ...run, status: 'lost' as const }
      yield* reader.read()
      if (!follow || signal.aborted || isOverRun(now)) return now
      await new Promise<void>((resolve) => {
        const late = setTimeout(resolve, patience)
        wake = () => {
          clearTimeout(late)
          resolve()
        }
        if (news || signal.aborted) wake()
      })
    }
  } finally {
    signal.removeEventListener('abort', left)
    unsubscribe()
  }
}
