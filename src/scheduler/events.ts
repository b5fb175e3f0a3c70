import { label } from '../config.js'
import type { EngineClient } from '../engine-client/client.js'
import type { EngineEvent } from '../engine-client/events.js'
import { appOfNetwork } from './settings.js'

const actions = ['start', 'die', 'pause', 'oom', 'destroy'] as const

/** Something that happened to a container of ours; `connected` comes first, and again after each gap. */
export interface AppEvent {
  readonly action: 'connected' | (typeof actions)[number] | 'disconnect'
  readonly id: string
  /** App id. */
  readonly app: string
  readonly process: string
  readonly type: string
}

function appEventOf({ action, id, attributes }: EngineEvent): AppEvent[] {
  if (action === 'connected') return [{ action, id, app: '', process: '', type: '' }]
  if (action === 'disconnect') {
    const app = appOfNetwork(attributes.name ?? '')
    return app === null ? [] : [{ action, id: attributes.container ?? '', app, process: '', type: '' }]
  }
  const known = actions.find((one) => one === action)
  if (known === undefined) return []
  return [
    {
      action: known,
      id,
      app: attributes[label.app] ?? '',
      process: attributes[label.process] ?? '',
      type: attributes[label.type] ?? '',
    },
  ]
}

/** Follows what happens to containers that carry all of `labels`, for ever. Ends with `signal`. */
export async function* followApps(
  engine: EngineClient,
  labels: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<AppEvent> {
  const filters = { type: ['container'], label: labels, event: actions }
  for await (const event of engine.events(filters, signal)) yield* appEventOf(event)
}

/** As `followApps`: containers of any app, of another instance too, that came off their app's network. */
export async function* followDisconnects(engine: EngineClient, signal: AbortSignal): AsyncGenerator<AppEvent> {
  const filters = { type: ['network'], event: ['disconnect'] }
  for await (const event of engine.events(filters, signal)) if (event.action !== 'connected') yield* appEventOf(event)
}
