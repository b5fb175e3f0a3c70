import { noticeChannel, type Notice } from '../store/notices.js'
import type { Store } from '../store/store.js'
import type { LogLine, LogQuery, LogSource } from './scheduler.js'

const lineOf = ({ time, process, text }: Notice): LogLine => ({ time, source: 'berth', process, text })

/** What Berth did with an app's processes of its own accord, for its logs. */
export function noticeLines(store: Pick<Store, 'notices' | 'notifications'>, app: string): LogSource {
  let last = ''
  let news = false
  let wake: () => void = () => undefined
  const read = async ({ process: wanted }: LogQuery): Promise<LogLine[]> => {
    const all = await store.notices.list(app, last)
    last = all.at(-1)?.id ?? last
    return all
      .filter(({ process }) => wanted === null || wanted === process || wanted === process.split('.')[0])
      .map(lineOf)
  }
  return {
    open: async (_, signal) => {
      const hear = (): void => {
        news = true
        wake()
      }
      const unsubscribe = await store.notifications.subscribe(noticeChannel(app), hear)
      signal.addEventListener('abort', () => {
        unsubscribe()
        wake()
      })
    },
    tail: async (query) => {
      const lines = await read(query)
      return query.lines === 0 ? [] : lines.slice(-query.lines)
    },
    follow: async function* (query, signal) {
      while (!signal.aborted) {
        const told = new Promise<void>((resolve) => (wake = resolve))
        if (news) {
          news = false
          yield* await read(query)
        } else await told
      }
    },
  }
}
