import type { EventLog, EventMessage } from '../events.js'
import { matchesEvent } from '../events.js'
import { parseFilters } from '../system/filters.js'
import { parseTimestamp } from '../system/timestamp.js'
import type { ApiReply, ApiRequest, ApiRoute } from './route.js'

const keys = ['type', 'event', 'container', 'image', 'network', 'volume', 'label', 'scope', 'daemon']

/** A client this many events behind is dropped rather than remembered for. */
const patience = 10_000

// The longest delay of a Node timer.
const farthest = 2 ** 31 - 1

/** `GET /events` */
export const eventRoutes = (events: EventLog): readonly ApiRoute[] => [
  { method: 'GET', path: '/events', handle: (request, reply) => follow(events, request, reply) },
]

async function follow(events: EventLog, request: ApiRequest, reply: ApiReply): Promise<void> {
  const filters = parseFilters(request.query, keys)
  const since = momentOf(request.query.get('since'))
  const until = momentOf(request.query.get('until'))
  const ended = new AbortController()
  const signal = AbortSignal.any([request.signal, ended.signal])
  const waiting: EventMessage[] = since === undefined && until === undefined ? [] : [...events.past()]
  let wake: () => void = () => undefined
  signal.addEventListener('abort', () => wake())
  // Followed before the headers leave: what happens once the client has them is never missed.
  events.follow((event) => {
    if (waiting.push(event) > patience) reply.raw.destroy()
    wake()
  }, signal)
  const stream = reply.stream()
  const timer = until === undefined ? undefined : setTimeout(() => ended.abort(), clamp(until - Date.now()))
  const wanted = (event: EventMessage): boolean =>
    matchesEvent(event, filters) &&
    (since === undefined || event.timeNano / 1e6 >= since) &&
    (until === undefined || event.timeNano / 1e6 <= until)
  try {
    for (;;) {
      for (let event = waiting.shift(); event && !request.signal.aborted; event = waiting.shift())
        if (wanted(event)) await stream.write(event)
      if (signal.aborted) break
      if (until !== undefined && until <= Date.now()) break
      await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    clearTimeout(timer)
    ended.abort()
    stream.end()
  }
}

const clamp = (delay: number): number => Math.min(Math.max(delay, 0), farthest)
const momentOf = (text: string | null): number | undefined => (text ? parseTimestamp(text) : undefined)
