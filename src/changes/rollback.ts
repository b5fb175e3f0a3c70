import { z } from 'zod'
import { BerthError } from '../errors.js'
import { own } from '../lib/own.js'
import type { AppMount } from '../process-settings.js'
import { imagesOf, type Release } from '../store/releases.js'
import type { ReleaseLinks } from '../store/release-links.js'
import { formationFor } from './formation.js'
import { releasing, type Making } from './kind.js'

const Rollback = z.object({ kind: z.literal('rollback'), version: z.number() })
type Rollback = z.output<typeof Rollback>

/**
 * The release to go back to, with those of its links that there still are; one whose image is gone is built again from the
 * repository.
 */
export async function releaseToReturnTo(version: number, at: Making): Promise<Release> {
  const old = await withRemaining(await at.release(version), at)
  if (old.image === null) return old // `next` says why none will not do
  const there = await Promise.all(imagesOf(old).map((image) => at.hasImage(image)))
  if (!there.includes(false)) return old
  if (old.commit === null)
    throw new BerthError('missing', `the image of v${version} is no longer on the engine`, 'push the app again')
  at.progress.step(`The image of v${version} is not there: building ${old.commit.slice(0, 7)} again`)
  const { image, images, port } = await at.rebuild({ commit: old.commit, config: old.config, reach: old.reach })
  return { ...old, image, images, port }
}

/** A release with those of its links that there still are. */
async function withRemaining(old: Release, { links }: Making): Promise<Release> {
  if (old.links === undefined) return old
  const remaining = await links.remaining(old.links)
  return { ...old, links: Object.keys(remaining).length === 0 ? undefined : remaining }
}

/** What it says of what it does: the rest of an app stays as it is. */
export function rollbackNotes(current: Release, old: Release, remaining: ReleaseLinks = {}): string[] {
  const back = Object.keys(old.processTypes).filter((type) => !Object.hasOwn(current.processTypes, type))
  const scaled = back.filter((type) => (own(old.formation, type)?.quantity ?? 0) > 0)
  return [
    `Brings back the code, config vars and process types of v${old.version}`,
    ...Object.keys(old.links ?? {})
      .filter((name) => !Object.hasOwn(remaining, name))
      .map((name) => `Runs without ${name}: the link that v${old.version} had was revoked; link the service again`),
    ...Object.keys(current.links ?? {})
      .filter((name) => !Object.hasOwn(old.links ?? {}, name))
      .map((name) => `Runs without ${name}: v${old.version} was not linked to that service; the link stays`),
    ...scaled.map((type) => `Brings back ${type}=${own(old.formation, type)?.quantity ?? 0}, which was gone`),
    ...mountNotes(current, old),
    'Does not bring back the scale of process types that are there now, domains, or data; runs no release command',
  ]
}

/** The mounts are those of the old release, too; that a volume is not there is said, since what is written then is lost. */
function mountNotes({ mounts: now = [] }: Release, { version, mounts: then = [] }: Release): string[] {
  const without = (some: readonly AppMount[], others: readonly AppMount[]): AppMount[] =>
    some.filter(({ name, target }) => !others.some((one) => one.name === name && one.target === target))
  return [
    ...without(now, then).map(
      ({ name, target }) =>
        `Unmounts ${name} from ${target}, where v${version} had none; what is in it stays, and \`berth storage:mount ${name}:${target}\` brings it back`,
    ),
    ...without(then, now).map(({ name, target }) => `Mounts ${name} at ${target} again, with what is in it now`),
  ]
}

/** What a release has of another one whose code, config vars and process types run again. @throws BerthError `conflict` */
export function restoredOf(old: Release, current: Release): Partial<Release> {
  if (old.image === null)
    throw new BerthError(
      'conflict',
      `v${old.version} has no image to go back to`,
      'run `berth releases` to see which have',
    )
  const { image, images, port, commit, processTypes, config, reach, source } = old
  const { origin, settings, scripts, declared, healthchecks, cron, mounts, links } = old
  const said = { origin, settings, scripts, declared, healthchecks, cron }
  // those that are there keep their scale, those that were gone have theirs again
  const formation = formationFor(processTypes, { ...old.formation, ...current.formation })
  return { image, images, port, commit, processTypes, config, reach, links, ...said, mounts, source, formation }
}

/** The code, config vars and process types of an earlier release run again. */
export const rollback = releasing<Rollback, Release>({
  schema: Rollback,
  describe: ({ version }) => `Rollback to v${version}`,
  make: async ({ version }, at) => {
    const old = await releaseToReturnTo(version, at)
    const { links } = await at.release(version)
    for (const line of rollbackNotes(at.current, { ...old, links }, old.links)) at.progress.detail(line)
    return old
  },
  next: (_, current, old) => restoredOf(old, current),
  // what is wrong is to end, whoever has it
  withCanary: () => 'ends',
})
