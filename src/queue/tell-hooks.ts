import type { HookCall, HookEvent } from '../plugins/public.js'
import type { Operation } from '../store/operations.js'
import type { OperationDeps } from './deps.js'
import type { OperationRun } from './run.js'

/** What of a change hooks are told: names, never the values of config vars. */
function detailsOf({ change }: Operation): Record<string, unknown> {
  const names = (value: unknown): string[] => Object.keys(value ?? {})
  if (change.kind === 'config') return { set: names(change.set), unset: change.unset }
  if (change.kind === 'scale') return { formation: change.formation }
  if (change.kind === 'push') return { branch: change.branch, env: names(change.env) }
  return {}
}

/** The events that whole operations are. */
const events: ReadonlySet<string> = new Set<HookEvent>(['push', 'scale', 'config', 'destroy'])

/** The event that an operation is itself; null: it is none. */
const eventOf = ({ change }: Operation): HookEvent | null =>
  events.has(change.kind) ? (change.kind as HookEvent) : null

interface Ended {
  readonly release?: number | null
  readonly status?: HookCall['status']
  readonly failure?: string | null
}

function callOf(
  { config }: OperationDeps,
  { app, operation }: Pick<OperationRun, 'app' | 'operation'>,
  event: HookEvent,
  { release = operation.release, status = null, failure = null }: Ended = {},
): Omit<HookCall, 'when'> {
  return {
    event,
    app: { id: app.id, name: app.name, url: config.appUrl(app) },
    operation: operation.id,
    by: operation.by?.name ?? null,
    release,
    commit: operation.change.kind === 'push' ? String(operation.change.commit) : null,
    details: { change: operation.change.kind, ...detailsOf(operation) },
    status,
    failure,
  }
}

/** Asks every hook before a step of an operation. @throws BerthError `denied` */
export const askBefore = (deps: OperationDeps, run: OperationRun, event: HookEvent, release?: number): Promise<void> =>
  deps.hooks.before(callOf(deps, run, event, { ...(release !== undefined && { release }) }), sayOf(run), run.signal)

/** Tells every hook after one. */
export const tellAfter = (deps: OperationDeps, run: OperationRun, event: HookEvent, ended: Ended = {}): Promise<void> =>
  deps.hooks.after(callOf(deps, run, event, { status: 'succeeded', ...ended }), sayOf(run), run.signal)

/** The same of the operation itself, where it is an event. @throws BerthError `denied` */
export async function askFirst(deps: OperationDeps, run: OperationRun): Promise<void> {
  const event = eventOf(run.operation)
  if (event !== null) await askBefore(deps, run, event)
}

/** The same after it, however it ended. */
export async function tellEnd(deps: OperationDeps, run: OperationRun, ended: Ended): Promise<void> {
  const event = eventOf(run.operation)
  if (event === null) return
  const { release } = await deps.store.operations.get(run.operation.id)
  await tellAfter(deps, run, event, { ...ended, release })
}

const sayOf =
  ({ log }: OperationRun) =>
  (line: string): void =>
    log.output(line)
