import { isBuild } from '../changes/index.js'
import type { OperationDeps } from './deps.js'
import type { OperationRun } from './run.js'

/** Tells who wants to know how an operation has ended. One that somebody has cancelled is no news to them. */
export function tellWhoWantsToKnow(
  { notifiers, config }: OperationDeps,
  { app, operation }: Pick<OperationRun, 'app' | 'operation'>,
  failed: { readonly end: 'failed' | 'cancelled'; readonly why: string } | null,
): void {
  if (!notifiers || failed?.end === 'cancelled') return
  const about = { subject: app.name, url: config.appUrl(app) }
  if (failed) {
    const title = `a change of ${app.name} failed (${operation.change.kind})`
    const text = `${failed.why}\n\`berth builds:output ${operation.id}\` shows its log; what ran before goes on`
    notifiers.tell({ ...about, event: 'change.failed', level: 'error', title, text })
    return
  }
  notifiers.recovered(app.name)
  if (isBuild(operation))
    notifiers.tell({ ...about, event: 'deploy.succeeded', level: 'info', title: `${app.name} was deployed`, text: '' })
}
