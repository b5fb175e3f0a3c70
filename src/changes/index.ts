import type { z } from 'zod'
import { BerthError } from '../errors.js'
import { own } from '../lib/own.js'
import type { App } from '../store/apps.js'
import type { Operation, StoredChange } from '../store/operations.js'
import type { Release } from '../store/releases.js'
import { canary, canaryOff, promote } from './canary.js'
import { checks } from './checks.js'
import { config } from './config.js'
import { destroy } from './destroy.js'
import { destroyVolume } from './destroy-volume.js'
import { link } from './link.js'
import type { ActingKind, Ending, ReleasingKind } from './kind.js'
import { mount, unmount } from './mount.js'
import { push, type PushChange } from './push.js'
import { rename } from './rename.js'
import { restart } from './restart.js'
import { rollback } from './rollback.js'
import { rotate } from './rotate.js'
import { scale } from './scale.js'
import { unlink } from './unlink.js'

/** Every way an app can change, by its kind. */
const kinds = {
  ...{ push, config, checks, scale, link, rotate, unlink, rollback, restart, rename, destroy },
  ...{ canary, 'canary-off': canaryOff, promote },
  ...{ mount, unmount, 'destroy-volume': destroyVolume },
}

type Kinds = typeof kinds
/** A change of an app, as it is stored. */
export type Change = { [K in keyof Kinds]: z.output<Kinds[K]['schema']> }[keyof Kinds]

/** The names of all kinds. */
export const kindNames = Object.keys(kinds) as (keyof Kinds)[]

/** A kind of which one knows no more than what all have. */
type AnyKind = ActingKind<StoredChange> | ReleasingKind<StoredChange, unknown>

const find = ({ kind }: StoredChange): AnyKind | undefined => own(kinds as unknown as Record<string, AnyKind>, kind)

/** What Berth knows of a change's kind. @throws BerthError `broken` of one that a newer Berth has stored */
export function kindOf(change: StoredChange): AnyKind {
  const known = find(change)
  if (known) return known
  const { kind } = change
  throw new BerthError('broken', `this Berth knows no change of kind "${kind.slice(0, 40)}"`, 'start a newer one')
}

/** What an operation changes, checked. @throws BerthError `broken` */
export function changeOf({ id, change }: Pick<Operation, 'id' | 'change'>): Change {
  const parsed = kindOf(change).schema.safeParse(change)
  if (parsed.success) return parsed.data as Change
  throw new BerthError('broken', `the record of change ${id} is damaged`, 'the app stays as it is; make it again')
}

/** What is left to do once an operation has ended, well or not; undefined where nothing is, or its record is damaged. */
export function endingOf({ change }: Pick<Operation, 'change'>): ((at: Ending) => Promise<void>) | undefined {
  const kind = find(change)
  const parsed = kind?.schema.safeParse(change)
  if (!kind || !('next' in kind) || parsed?.success !== true) return undefined
  const { ends } = kind
  return ends && ((at) => ends(parsed.data, at))
}

/** What a change does, in one sentence: see `describe` of its kind. */
export const describeChange = (change: StoredChange, current?: Release): string =>
  kindOf(change).describe(change, current)

/** @throws BerthError `conflict` of what an app with a canary does not take */
export function checkBesideCanary(change: StoredChange, { name, canary: running }: App): void {
  if (!running || kindOf(change).withCanary?.(change) !== 'refused') return
  throw new BerthError(
    'conflict',
    `v${running.release} is the canary of ${name} now: what is changed beside it would be lost when it is promoted`,
    'run `berth canary:promote` or `berth canary:off` first; `berth rollback` ends it, too',
  )
}

/** An operation that builds what was pushed, or builds it again. */
export const isBuild = (operation: Operation): operation is Operation & { readonly change: PushChange } =>
  operation.change.kind === 'push'

/** Whether all of an app goes with an operation. */
export const endsApp = ({ change }: Operation): boolean => {
  const kind = find(change)
  return kind !== undefined && 'act' in kind && kind.endsApp === true
}

/**
 * The release that follows `current` by a change. Pure.
 * @param made what the change has made for it
 * @throws BerthError when the change cannot be made; nothing has changed then
 */
export function nextRelease(current: Release, version: number, change: Change, made: unknown = null): Release {
  const kind = kindOf(change)
  if (!('next' in kind)) throw new Error(`a change of kind ${change.kind} makes no release`)
  return {
    ...current,
    version,
    createdAt: new Date().toISOString(),
    description: describeChange(change, current),
    status: 'pending',
    failure: null,
    ...kind.next(change, current, made),
  }
}
