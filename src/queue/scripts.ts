import { BerthError } from '../errors.js'
import { own } from '../lib/own.js'
import type { Release } from '../store/releases.js'
import type { OperationDeps } from './deps.js'
import type { OperationRun } from './run.js'
import { within } from './within.js'

/** Names of what runs once of a release, beside its processes; a version follows. */
export const onceNames = ['release', 'predeploy', 'postdeploy'] as const

/** What runs once in a new image: the log's word for it, its name, and its command, null for the image's own. */
interface Script {
  readonly what: string
  readonly name: (typeof onceNames)[number]
  readonly command: string | null
}

/** app.json's predeploy script and process type `release` run once, in the new image, before anything is switched. */
export async function runBefore(deps: OperationDeps, run: OperationRun, next: Release): Promise<void> {
  const { before } = next.scripts ?? {}
  if (before !== undefined)
    await demand(deps, run, next, { what: 'predeploy script', name: 'predeploy', command: before })
  const command = own(next.processTypes, 'release')
  if (command !== undefined) await demand(deps, run, next, { what: 'release command', name: 'release', command })
}

/**
 * app.json's scripts for when a release runs. One that fails undoes nothing: it is told, and the one that is to run once runs
 * after the next push again.
 */
export async function runAfter(deps: OperationDeps, run: OperationRun, released: Release): Promise<void> {
  const { once, after } = released.scripts ?? {}
  const script = { what: 'postdeploy script', name: 'postdeploy' } as const
  if (once !== undefined && (await deps.store.apps.find(run.app.id))?.prepared !== true) {
    const code = await runScript(deps, run, released, { ...script, command: once })
    if (code === 0) await deps.store.apps.update(run.app.id, { prepared: true })
    else tellFailure(run, code, 'it runs again after the next build: push, or `berth ps:rebuild`')
  }
  if (after === undefined) return
  const code = await runScript(deps, run, released, { ...script, command: after })
  if (code !== 0) tellFailure(run, code, 'run it by hand with `berth run`')
}

function tellFailure({ log }: OperationRun, code: number, then: string): void {
  log.problem(`the postdeploy script ended with exit code ${String(code)}: the release runs all the same`)
  log.problem(then)
}

/** @throws BerthError `invalid` when it does not end well */
async function demand(deps: OperationDeps, run: OperationRun, next: Release, script: Script): Promise<void> {
  const code = await runScript(deps, run, next, script)
  if (code === 0) return
  throw new BerthError(
    'invalid',
    `the ${script.what} ended with exit code ${String(code)}: nothing was switched`,
    'its output is above',
  )
}

async function runScript(
  { scheduler, config }: OperationDeps,
  { app, log, signal }: OperationRun,
  release: Release,
  { what, name, command }: Script,
): Promise<number> {
  log.step(`Running ${what}: ${command ?? "the image's own"}`)
  const limit = { what: `the ${what}`, ms: config.limits.release, setting: 'BERTH_RELEASE_LIMIT' }
  const output = async (line: string) => {
    log.output(line)
    await log.room()
  }
  const task = { name: `${name}.${release.version}`, type: 'release', command }
  return within(limit, signal, (until) => scheduler.runOnce(app, release, task, { log: output, signal: until }))
}
