import { canaryAfter, checkCanary } from '../changes/canary.js'
import { nextRelease, type Change } from '../changes/index.js'
import type { Built, LinkMaking, Making, ReleasingKind } from '../changes/kind.js'
import { messageOf } from '../errors.js'
import { orMissing } from '../lib/missing.js'
import type { Canary } from '../store/canaries.js'
import type { StoredChange } from '../store/operations.js'
import type { Release } from '../store/releases.js'
import type { ReleaseLinks } from '../store/release-links.js'
import { operationFiles } from '../builds/files.js'
import { buildPush, type BuildOrder } from './push.js'
import { checkOut } from './rebuild.js'
import { waitForBuilds, waitForChanges, type OperationRun } from './run.js'
import { runAfter, runBefore } from './scripts.js'
import { startCanary } from './start-canary.js'
import { summaryOf } from './summary.js'
import { askBefore, tellAfter } from './tell-hooks.js'
import { within } from './within.js'
import type { OperationDeps } from './deps.js'
import { createVolume } from './volumes.js'

/** Makes the release of a change and rolls it out. What a worker that died has done of it is taken up. */
export async function makeRelease(
  deps: OperationDeps,
  run: OperationRun,
  change: Change,
  kind: ReleasingKind<StoredChange, unknown>,
): Promise<void> {
  const { store, scheduler, config } = deps
  const { app, current, operation, log, signal } = run
  const same = operation.release === null && (kind.changesNothing?.(change, current) ?? false)
  if (same !== false) return endUnchanged(deps, run, same)
  const version = operation.release ?? (await store.releases.nextVersion(app.id))
  let next = operation.release === null ? null : await store.releases.get(app.id, version).catch(orMissing(null))
  if (next === null) {
    const made = await kind.make?.(change, makingOf(deps, run, version))
    const idle = kind.madeNothing?.(change, current, made) ?? false
    if (idle !== false) return endUnchanged(deps, run, idle)
    next = nextRelease(current, version, change, made)
    await askBefore(deps, run, 'release', version)
    await store.operations.release(operation.id, next)
  }
  const released = next
  const share = kind.asCanary?.(change)
  if (share && released.image !== null) return releaseCanary(deps, run, released, share)
  if (await scheduler.isRolledOut(app, version)) {
    // a worker died between the switch, which nothing undoes, not even a cancel, and the record of it
    await scheduler.refreshRoute(app).catch((error: unknown) => deps.log.warn({ error: messageOf(error) }, 'route'))
  } else if (released.image !== null) {
    if (kind.runsReleaseCommand) await runBefore(deps, run, released)
    await askBefore(deps, run, 'deploy', version)
    await waitForChanges(deps, run, async () => {
      log.step('Launching...')
      await scheduler.rollOut(app, released, { log: (line) => log.detail(line), signal })
    })
    await tellAfter(deps, run, 'deploy', { release: version })
  }
  const endsCanary = app.canary !== undefined && kind.withCanary?.(change) === 'ends'
  // whoever takes this up again writes both
  const [after] = await Promise.all([
    store.apps.update(app.id, { current: version, ...(endsCanary && { canary: undefined }) }),
    store.releases.update(app.id, version, { status: 'succeeded' }),
  ])
  if (endsCanary) await scheduler.refreshRoute(after)
  log.detail(`Released v${String(version)}`)
  await tellAfter(deps, run, 'release', { release: version })
  if (released.image !== null && kind.runsReleaseCommand) await runAfter(deps, run, released)
  if (released.image !== null) for (const line of summaryOf(released, config.appUrl(after))) log.detail(line)
}

/** Gives what was built a share of the requests alone: the app goes on with its current release. */
async function releaseCanary(
  deps: OperationDeps,
  run: OperationRun,
  release: Release,
  share: Pick<Canary, 'percent'>,
): Promise<void> {
  const { app, current } = run
  const { version } = release
  // a worker died between that and the record of it
  if (app.canary?.release !== version) {
    const change = { kind: 'canary', version, ...share } as const
    checkCanary(app, current, { ...release, status: 'succeeded' }, change)
    await runBefore(deps, run, release)
    await askBefore(deps, run, 'deploy', version)
    await waitForChanges(deps, run, () => startCanary(deps, run, release, canaryAfter(app, change)))
    await tellAfter(deps, run, 'deploy', { release: version })
  }
  await deps.store.releases.update(app.id, version, { status: 'succeeded', canary: true })
  run.log.detail(`Released v${String(version)} as a canary`)
  await tellAfter(deps, run, 'release', { release: version })
}

/** Ends an operation that makes no release. @param why `true` where what was asked for is so already */
async function endUnchanged({ store, config }: OperationDeps, run: OperationRun, why: string | true): Promise<void> {
  const { app, current, operation, log } = run
  log.detail(why === true ? 'Nothing changes: no release, no restart' : why)
  if (why !== true) for (const line of summaryOf(current, config.appUrl(app))) log.detail(line)
  await store.operations.update(operation.id, { unchanged: current.version })
}

function makingOf(deps: OperationDeps, run: OperationRun, version: number): Making {
  const { store, engine, config } = deps
  const { app, current, operation, log } = run
  return {
    app,
    current,
    progress: log,
    build: (push) => buildInTurn(deps, run, push, version),
    rebuild: async ({ commit, config: variables, reach }) => {
      log.hide(variables, reach)
      await checkOut(config, app, commit, operationFiles(config, operation.id).source)
      return buildInTurn(deps, run, { commit, vars: { config: variables, reach } }, version)
    },
    release: (version) => store.releases.get(app.id, version),
    hasImage: async (image) => (await engine.images.inspect(image)) !== null,
    createVolume: (name, of) => createVolume(deps, app, name, of),
    links: linksOf(deps, run),
  }
}

/** What it makes of links, no log shows. */
function linksOf({ services, store }: OperationDeps, { app, log }: OperationRun): LinkMaking {
  const hidden = async (made: ReleaseLinks[string]): Promise<ReleaseLinks[string]> => {
    log.hide(await store.services.urlsOf({ LINK_URL: made }))
    return made
  }
  return {
    link: async (service, variable) => hidden(await services.link(app, service, variable)),
    rotate: async (service) => hidden(await services.rotate(app, service)),
    remaining: (links) => services.remaining(links),
  }
}

/** Builds when there is room, and for so long and no longer. */
async function buildInTurn(deps: OperationDeps, run: OperationRun, push: BuildOrder, version: number): Promise<Built> {
  await askBefore(deps, run, 'build', version)
  const limit = { what: 'the build', ms: deps.config.limits.build, setting: 'BERTH_BUILD_LIMIT' }
  const built = await waitForBuilds(deps, run, () =>
    within(limit, run.signal, (until) => buildPush(deps, { ...run, signal: until }, push, version)),
  )
  await tellAfter(deps, run, 'build', { release: version })
  return built
}
