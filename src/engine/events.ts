import type { Events } from './records.js'
import { anyOf, labelsMatch, type Filters } from './system/filters.js'

/** A message of `GET /events`: Docker's old fields and its new ones. */
export interface EventMessage {
  readonly status?: string
  readonly id?: string
  readonly from?: string
  readonly Type: string
  readonly Action: string
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> }
  readonly scope: 'local'
  /** Seconds. */
  readonly time: number
  /** Nanoseconds, as near as a double holds them. */
  readonly timeNano: number
}

/** What the rooms have done lately, to be replayed and followed. */
export interface EventLog extends Events {
  /** The events remembered, oldest first. */
  past(): readonly EventMessage[]
  /** Calls `onEvent` for each event from now until the signal aborts. */
  follow(onEvent: (event: EventMessage) => void, signal: AbortSignal): void
}

/** How many events are remembered, dockerd's number. */
const kept = 256

/** Opens the log. It lives in memory: what happened before the daemon started is not replayed, as with dockerd. */
export function openEvents(): EventLog {
  const ring: EventMessage[] = []
  const followers = new Set<(event: EventMessage) => void>()
  return {
    emit(type, action, id, attributes) {
      const event = message(type, action, id, attributes)
      ring.push(event)
      if (ring.length > kept) ring.shift()
      for (const follower of followers) follower(event)
    },
    past: () => [...ring],
    follow(onEvent, signal) {
      if (signal.aborted) return
      followers.add(onEvent)
      signal.addEventListener('abort', () => followers.delete(onEvent), { once: true })
    },
  }
}

function message(type: string, action: string, id: string, attributes: Readonly<Record<string, string>>): EventMessage {
  const now = Date.now()
  const legacy =
    type === 'container'
      ? { status: action, id, ...(attributes.image === undefined ? {} : { from: attributes.image }) }
      : type === 'image'
        ? { status: action, id }
        : {}
  return {
    ...legacy,
    Type: type,
    Action: action,
    Actor: { ID: id, Attributes: { ...attributes } },
    scope: 'local',
    time: Math.floor(now / 1000),
    timeNano: now * 1_000_000,
  }
}

/** Whether an event passes the filters of `GET /events`, as dockerd reads them. */
export function matchesEvent(event: EventMessage, filters: Filters): boolean {
  const { ID, Attributes } = event.Actor
  const names = (wanted: string): boolean => ID.startsWith(wanted) || Attributes.name?.startsWith(wanted) === true
  const image = (wanted: string): boolean =>
    [ID, Attributes.name, Attributes.image].some(
      (known) => known === wanted || known?.replace(/:[^:/]*$/, '') === wanted,
    )
  return (
    anyOf(filters, 'type', (wanted) => event.Type === wanted) &&
    // `exec_create: sh -c …` is an `exec_create`
    anyOf(filters, 'event', (wanted) => event.Action === wanted || event.Action.startsWith(`${wanted}:`)) &&
    anyOf(filters, 'scope', (wanted) => event.scope === wanted) &&
    anyOf(filters, 'container', names) &&
    anyOf(filters, 'network', names) &&
    anyOf(filters, 'volume', names) &&
    anyOf(filters, 'daemon', names) &&
    anyOf(filters, 'image', image) &&
    labelsMatch(filters, Attributes)
  )
}
