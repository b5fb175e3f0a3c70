import type { z } from 'zod'
import type { AppMount } from '../process-settings.js'
import type { App } from '../store/apps.js'
import type { Canary } from '../store/canaries.js'
import type { StoredChange } from '../store/operations.js'
import type { Release } from '../store/releases.js'
import type { Reached } from '../store/reach.js'
import type { ReleaseLinks } from '../store/release-links.js'
import type { Store } from '../store/store.js'

/** What a build brings to a release. */
export interface Built {
  /** Image id on the engine. */
  readonly image: string
  readonly processTypes: Readonly<Record<string, string | null>>
  readonly origin?: Release['origin']
  readonly settings?: Release['settings']
  readonly images?: Release['images']
  readonly port?: Release['port']
  /** Config vars that were made for it, and that the app has from then on. */
  readonly secrets?: Readonly<Record<string, string>>
  /** Config vars that its app.json sets; the app has them from then on. */
  readonly variables?: Readonly<Record<string, string>>
  readonly declared?: Release['declared']
  readonly scripts?: Release['scripts']
  readonly healthchecks?: Release['healthchecks']
  readonly cron?: Release['cron']
}

/** Takes what an operation says of its progress. */
export interface Progress {
  step(text: string): void
  /** Under a step. */
  detail(text: string): void
}

/** What a change may ask of the services that an app is linked to, or is to be. */
export interface LinkMaking {
  /** Lets the app in. Safe to repeat. @throws BerthError `missing`, `conflict` where the service does not run */
  link(service: string, variable: string): Promise<ReleaseLinks[string]>
  /** Makes another password; the one before stays good. @throws BerthError as `link` does */
  rotate(service: string): Promise<ReleaseLinks[string]>
  /** Those of an earlier release that there still are, as they are now. */
  remaining(links: ReleaseLinks): Promise<ReleaseLinks>
}

/** What a change may do when its operation has ended. */
export interface Ending {
  readonly succeeded: boolean
  /** The release that runs now. */
  readonly current: Release
  /** Ends the link to a service, as soon as no process has it. Safe to repeat. */
  readonly unlink: (service: string) => Promise<void>
}

/** What a change may ask of the worker before it says what the next release is. */
export interface Making {
  readonly app: App
  readonly current: Release
  readonly progress: Progress
  /** Builds the tree that was pushed. */
  build(push: {
    readonly commit: string
    readonly unless?: readonly string[] | undefined
    /** Config vars of this build alone. */
    readonly env?: Readonly<Record<string, string>> | undefined
    /** Makes every step anew. */
    readonly noCache?: boolean | undefined
    /** Asks again for the images that it begins with. */
    readonly pull?: boolean | undefined
  }): Promise<Built>
  /** Builds the commit of a release again, from the app's repository and with the config vars that it had. */
  rebuild(release: { readonly commit: string } & Reached): Promise<Built>
  /** @throws BerthError `missing` */
  release(version: number): Promise<Release>
  hasImage(image: string): Promise<boolean>
  /**
   * Makes a volume of the app, unless it is there: of so many bytes, or one that stands for a directory of the server
   * @throws BerthError `conflict` where it is there and is another, or has no room
   */
  createVolume(name: string, of: Pick<AppMount, 'size' | 'host'>): Promise<void>
  readonly links: LinkMaking
}

/** What a change that makes no release may ask of the worker. */
export interface Acting {
  readonly app: App
  readonly current: Release
  readonly store: Pick<Store, 'apps' | 'routes'>
  readonly progress: Progress
  /** Where the app answers. */
  readonly url: string
  /** @throws BerthError `missing` */
  release(version: number): Promise<Release>
  hasImage(image: string): Promise<boolean>
  /** Sends a share of the app's requests to processes of that release, once those are ready. */
  startCanary(release: Release, canary: Canary): Promise<void>
  /** Restarts processes, all of them or those of a name. */
  restart(process: string | null): Promise<void>
  /** Has the router know the app by its name of now. */
  refreshRoute(): Promise<void>
  /** Stops the app's processes and removes what the engine has of it. */
  dismantle(): Promise<void>
  /** Removes a volume of the app with all that is in it. Safe to repeat. @throws BerthError `conflict` while a process has it */
  removeVolume(name: string): Promise<void>
}

interface Described<C extends StoredChange> {
  /** Reads it, also where an older Berth has stored it. */
  readonly schema: z.ZodType<C>
  /**
   * What it does, in one sentence, without the values of config vars.
   * @param current given, what would change nothing of it is left out
   */
  readonly describe: (change: C, current?: Release) => string
  /**
   * Looks before it is submitted for what the worker would refuse later, or could not tell.
   * @throws BerthError in words for who asked
   */
  readonly check?: (change: C, app: App, current: Release) => void
  /**
   * What comes of it while the app has a canary, which goes on unless this says otherwise. What would be lost when the canary is
   * promoted is refused.
   */
  readonly withCanary?: (change: C) => 'refused' | 'ends' | 'goes on'
}

/** A change that makes a release. */
export interface ReleasingKind<C extends StoredChange, M> extends Described<C> {
  /** Whether the app is so already, in words perhaps: then there is no release, and no restart. */
  readonly changesNothing?: (change: C, current: Release) => boolean | string
  /** Gets what the next release takes beside the current one. Safe to repeat. */
  readonly make?: (change: C, at: Making) => Promise<M>
  /** Whether what was made is what the app runs, in words: then there is no release, and no restart. */
  readonly madeNothing?: (change: C, current: Release, made: M) => string | false
  /**
   * What the next release has that the current one has not. Pure.
   * @throws BerthError `invalid`, `conflict` or `large` when it cannot be made; nothing has changed then
   */
  readonly next: (change: C, current: Release, made: M) => Partial<Release>
  /** The share that it gets as a canary, in place of all requests. */
  readonly asCanary?: (change: C) => Pick<Canary, 'percent'> | undefined
  /** Is done when its operation has ended, well or not. Safe to repeat. */
  readonly ends?: (change: C, at: Ending) => Promise<void>
  /** Process type `release` runs once in its image before anything is switched: it brings an image that has not run. */
  readonly runsReleaseCommand?: true
}

/** A change that makes no release. */
export interface ActingKind<C extends StoredChange> extends Described<C> {
  /** Does it. Safe to repeat. */
  readonly act: (change: C, at: Acting) => Promise<void>
  /** Everything that Berth knows of the app goes with it. */
  readonly endsApp?: true
}

/** For a kind's file: a change that makes a release. `M` is what it has made for it. */
export const releasing = <C extends StoredChange, M = null>(kind: ReleasingKind<C, M>): ReleasingKind<C, M> => kind

/** For a kind's file: a change that makes no release. */
export const acting = <C extends StoredChange>(kind: ActingKind<C>): ActingKind<C> => kind
