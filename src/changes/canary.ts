import { z } from 'zod'
import { isCanaryHeader } from '../canary-rule.js'
import { BerthError } from '../errors.js'
import { own } from '../lib/own.js'
import type { App } from '../store/apps.js'
import type { Canary } from '../store/canaries.js'
import { allTypes } from '../store/checks.js'
import { isExclusive } from '../store/mounts.js'
import { imagesOf, type Release } from '../store/releases.js'
import { formationOf } from './formation.js'
import { acting, releasing, type Acting, type Making } from './kind.js'
import { releaseToReturnTo, restoredOf, rollbackNotes } from './rollback.js'

/** What a canary gets, of an app that goes on with its own release. */
const shares = {
  percent: z.int().min(0).max(99),
  header: z.object({ name: z.string(), value: z.string() }).refine(isCanaryHeader).exactOptional(),
  processes: z.int().min(1).max(100).exactOptional(),
}

const CanaryChange = z.object({ kind: z.literal('canary'), version: z.number(), ...shares })
export type CanaryChange = z.output<typeof CanaryChange>

/** What a canary gets, in words: `10 %`, `10 % and X-Beta: 1`. */
export const shareOf = ({ percent, header }: Pick<Canary, 'percent' | 'header'>): string =>
  [...(percent > 0 ? [`${percent} %`] : []), ...(header ? [`${header.name}: ${header.value}`] : [])].join(' and ')

/** @throws BerthError `conflict` where an app has no web processes of its own beside which others could run */
export function checkStable(app: Pick<App, 'name'>, current: Release): void {
  if (current.image === null)
    throw new BerthError('conflict', `${app.name} runs nothing yet that a canary could be beside`, 'push it first')
  const quantity = own(formationOf(current), 'web')?.quantity ?? 0
  if (quantity > 0) return
  const known = Object.hasOwn(current.processTypes, 'web')
  throw new BerthError(
    'conflict',
    known
      ? `${app.name} is scaled to 0: there are no requests to share`
      : `${app.name} has no web process: it gets no requests`,
    known ? `run \`berth ps:scale web=1 -a ${app.name}\` first` : 'a canary is for requests alone',
  )
}

/** @throws BerthError `conflict`, `invalid`: what speaks against a release as the canary of an app */
export function checkCanary(app: App, current: Release, release: Release, { percent, header }: CanaryChange): void {
  const see = 'run `berth releases` to see them all'
  const name = `v${String(release.version)}`
  if (percent === 0 && !header)
    throw new BerthError('invalid', 'nothing says which requests a canary gets', 'name a share, as 10%, or a --header')
  checkStable(app, current)
  if (release.version === current.version)
    throw new BerthError('conflict', `${name} is what ${app.name} runs already`, see)
  if (release.image === null)
    throw new BerthError('conflict', `${name} has no image: it was made before the first push`, see)
  if (release.status !== 'succeeded') throw new BerthError('conflict', `${name} never ran well`, see)
  if (!Object.hasOwn(release.processTypes, 'web'))
    throw new BerthError('conflict', `${name} has no web process`, 'a canary is for requests alone')
  const { modes = {} } = app.checks ?? {}
  if ((own(modes, 'web') ?? own(modes, allTypes)) === 'disable')
    throw new BerthError(
      'conflict',
      'the checks of web are disabled: no two of it may run at once',
      `run \`berth checks:enable web -a ${app.name}\` first`,
    )
  if ([release, current].some((one) => isExclusive(one, 'web')))
    throw new BerthError(
      'conflict',
      'web has a volume that one process alone may have: no other can run beside it',
      `mount it without --exclusive, or deploy ${name} to everybody`,
    )
}

/** Of one that runs already only its share changes; another is a new one. */
export const canaryAfter = (app: App, { version, percent, header, processes }: CanaryChange): Canary => ({
  release: version,
  since: app.canary?.release === version ? app.canary.since : new Date().toISOString(),
  percent,
  ...(header && { header }),
  ...(processes !== undefined && { processes }),
})

/** Another release gets a share of an app's requests. */
export const canary = acting<CanaryChange>({
  schema: CanaryChange,
  describe: (change) => `Canary v${change.version}: ${shareOf(change)}`,
  act: async (change, at) => {
    const release = await at.release(change.version)
    checkCanary(at.app, at.current, release, change)
    await checkImages(release, at)
    await at.startCanary(release, canaryAfter(at.app, change))
  },
})

async function checkImages(release: Release, at: Acting): Promise<void> {
  const there = await Promise.all(imagesOf(release).map((image) => at.hasImage(image)))
  if (!there.includes(false)) return
  throw new BerthError(
    'missing',
    `the image of v${release.version} is not there any more`,
    `push its commit again with \`git push -o canary=10%\`, which builds it`,
  )
}

const CanaryOff = z.object({ kind: z.literal('canary-off') })
type CanaryOff = z.output<typeof CanaryOff>

const noCanary = ({ name }: App): BerthError =>
  new BerthError('missing', `${name} has no canary`, `begin one with \`berth canary v12 10% -a ${name}\``)

/** All requests go to the release that an app runs. */
export const canaryOff = acting<CanaryOff>({
  schema: CanaryOff,
  describe: () => 'End the canary',
  check: (_, app) => {
    if (!app.canary) throw noCanary(app)
  },
  act: async (_, at) => {
    const { release } = at.app.canary ?? {}
    if (release !== undefined) at.progress.step(`Ending the canary v${String(release)}`)
    // a worker that died here has ended it already, and not stopped its processes
    await at.store.apps.update(at.app.id, { canary: undefined })
    await at.refreshRoute()
    at.progress.detail(`All requests go to v${String(at.app.current)}; no new release`)
  },
})

const Promote = z.object({ kind: z.literal('promote'), version: z.number() })
type Promote = z.output<typeof Promote>

/** The release of an app's canary becomes the one that it runs. */
export const promote = releasing<Promote, Release>({
  schema: Promote,
  describe: ({ version }) => `Promote v${version}`,
  check: ({ version }, app) => {
    if (app.canary?.release !== version) throw noCanary(app)
  },
  make: async ({ version }, at: Making) => {
    if (at.app.canary?.release !== version)
      throw new BerthError('conflict', `v${version} is not the canary any more`, 'run `berth canary` to see what is')
    const old = await releaseToReturnTo(version, at)
    for (const line of rollbackNotes(at.current, old)) at.progress.detail(line)
    return old
  },
  next: (_, current, old) => restoredOf(old, current),
  withCanary: () => 'ends',
})
