import { setTimeout as delay } from 'node:timers/promises'
import type { EngineConnection } from './connection.js'
import { jsonLines } from './json-lines.js'

/** Something that happened on the engine; `connected` comes first, and again after each gap. */
export interface EngineEvent {
  /** `start` */
  readonly action: string
  /** Of what it happened to. */
  readonly id: string
  /** A container's labels are among them. */
  readonly attributes: Readonly<Record<string, string>>
}

/** Docker's own shape (Engine API, `GET /events`); `status` is what older engines have. */
interface RawEvent {
  readonly Action?: string
  readonly status?: string
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Readonly<Record<string, string>> }
}

/**
 * Follows events for ever: when the engine goes away it connects again, and whoever listens looks afresh at each
 * `connected`, because what happened meanwhile is not told. Ends with `signal`.
 * @param filters of the Docker API: `{ type: ['container'], label: ['a=b'] }`
 */
export async function* followEvents(
  connection: EngineConnection,
  filters: Readonly<Record<string, readonly string[]>>,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent> {
  for (let pause = 50; !signal.aborted; pause = Math.min(pause * 2, 2000)) {
    try {
      const query = { filters: JSON.stringify(filters) }
      const answer = await connection.stream({ method: 'GET', path: '/events', query, signal })
      const end = () => answer.destroy()
      signal.addEventListener('abort', end, { once: true })
      try {
        yield { action: 'connected', id: '', attributes: {} }
        for await (const message of jsonLines(answer)) {
          pause = 50
          const { Action, status, Actor } = message as RawEvent
          yield { action: Action ?? status ?? '', id: Actor?.ID ?? '', attributes: Actor?.Attributes ?? {} }
        }
      } finally {
        signal.removeEventListener('abort', end)
        end()
      }
    } catch {
      // the engine is away, or went away: connect again
    }
    await delay(pause, undefined, { signal }).catch(() => undefined)
  }
}
