import { setTimeout as delay } from 'node:timers/promises'
import { StringDecoder } from 'node:string_decoder'
import type Docker from 'dockerode'
import { label } from '../config.js'
import { LineSplitter } from '../lib/lines.js'
import { appOfNetwork } from './desired.js'

/** Something that happened to a container of ours; `connected` comes first, and again after each gap. */
export interface EngineEvent {
  readonly action: 'connected' | 'start' | 'die' | 'pause' | 'oom' | 'destroy' | 'disconnect'
  readonly id: string
  /** App id. */
  readonly app: string
  readonly process: string
  readonly type: string
}

/** An event carries the container's labels, which an image may have many of; one that is longer still is no event. */
const longestEvent = 4 * 1024 * 1024

interface RawEvent {
  readonly Action?: string
  readonly status?: string
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Readonly<Record<string, string>> }
}

const actions: readonly string[] = ['start', 'die', 'pause', 'oom', 'destroy']

function eventOf(json: string): EngineEvent[] {
  const raw = JSON.parse(json) as RawEvent
  const action = raw.Action ?? raw.status ?? ''
  const attributes = raw.Actor?.Attributes ?? {}
  if (action === 'disconnect') {
    const app = appOfNetwork(attributes.name ?? '')
    return app === null ? [] : [{ action, id: attributes.container ?? '', app, process: '', type: '' }]
  }
  if (!actions.includes(action)) return []
  return [
    {
      action: action as EngineEvent['action'],
      id: raw.Actor?.ID ?? '',
      app: attributes[label.app] ?? '',
      process: attributes[label.process] ?? '',
      type: attributes[label.type] ?? '',
    },
  ]
}

async function* linesOf(stream: NodeJS.ReadableStream): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8')
  const lines = new LineSplitter(longestEvent)
  for await (const chunk of stream) {
    const text = decoder.write(chunk)
    yield* lines.read(text).filter((line) => line.trim() !== '')
  }
}

/**
 * Follows what happens to containers that carry all of `labels`, for ever: when the engine goes away it connects again,
 * and whoever listens looks afresh at each `connected`, because what happened meanwhile is not told. Ends with `signal`.
 */
export async function* followEvents(
  docker: Docker,
  labels: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<EngineEvent> {
  yield* follow(docker, { type: ['container'], label: labels, event: actions }, signal)
}

/** As `followEvents`: containers of any app, of another instance too, that came off their app's network. */
export async function* followDisconnects(docker: Docker, signal: AbortSignal): AsyncGenerator<EngineEvent> {
  const filters = { type: ['network'], event: ['disconnect'] }
  for await (const event of follow(docker, filters, signal)) if (event.action !== 'connected') yield event
}

async function* follow(
  docker: Docker,
  filters: Readonly<Record<string, readonly string[]>>,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent> {
  for (let pause = 50; !signal.aborted; pause = Math.min(pause * 2, 2000)) {
    try {
      // `_query`, or dockerode would send the signal as a parameter
      const options = { _query: { filters: JSON.stringify(filters) }, abortSignal: signal }
      const stream = await docker.getEvents(options)
      const end = () => (stream as unknown as { destroy(): void }).destroy()
      signal.addEventListener('abort', end, { once: true })
      try {
        yield { action: 'connected', id: '', app: '', process: '', type: '' }
        for await (const line of linesOf(stream)) {
          pause = 50
          yield* eventOf(line)
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
