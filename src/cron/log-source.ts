import type { Config } from '../config.js'
import type { LogLine, LogQuery, LogSource } from '../scheduler/scheduler.js'
import { cronRunChannel, type CronRun } from '../store/cron.js'
import type { Store } from '../store/store.js'
import { OutputReader, outputFile } from './output.js'

/** The process that a run is in an app's logs: `cron.1a2b3c4d`. */
export const processOf = (entry: string): string => `cron.${entry}`

/** What an app's runs wrote, for its logs. */
export function cronLines(config: Config, store: Store, app: string): LogSource {
  const readers = new Map<string, OutputReader>()
  const grown = new Set<string>()
  let wake: () => void = () => undefined
  const read = async function* ({ id, entry }: Pick<CronRun, 'id' | 'entry'>): AsyncGenerator<LogLine> {
    const reader = readers.get(id) ?? new OutputReader(outputFile(config, app, id))
    readers.set(id, reader)
    for await (const line of reader.read()) yield { ...line, source: 'app', process: processOf(entry) }
  }
  const isWanted = (query: Pick<LogQuery, 'process'>, entry: string): boolean =>
    query.process === null || query.process === 'cron' || query.process === processOf(entry)
  return {
    open: (_, signal) => {
      // what is told from here on is read later, from where the look before it ended
      const off = store.notifications.subscribe(cronRunChannel(app), (run) => {
        grown.add(run)
        wake()
      })
      signal.addEventListener('abort', () => {
        wake()
        void off.then((unsubscribe) => unsubscribe()).catch(() => undefined)
      })
      return off.then(() => undefined)
    },
    tail: async (query) => {
      let lines: LogLine[] = []
      for (const run of await store.cron.runs(app)) {
        if (!isWanted(query, run.entry)) continue
        const enough = lines.length >= query.lines && run.status !== 'running'
        if (enough && (run.finishedAt ?? '') < (lines[0]?.time ?? '')) break
        const told = await Array.fromAsync(read(run))
        lines = [...told, ...lines].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)).slice(-query.lines)
      }
      return query.lines === 0 ? [] : lines
    },
    follow: async function* (query, signal) {
      for (;;) {
        const news = new Promise<void>((resolve) => (wake = resolve))
        for (const id of [...grown]) {
          grown.delete(id)
          // no id: some news were lost
          const runs = id === '' ? await store.cron.runs(app) : [await store.cron.run(app, id)]
          for (const run of runs)
            if (run && isWanted(query, run.entry) && (id !== '' || readers.has(run.id))) yield* read(run)
        }
        if (signal.aborted) return
        if (grown.size === 0) await news
      }
    },
  }
}
