import type { SettingsOfTypes } from '../process-settings.js'
import type { ComposeCheck } from './compose/health-check.js'
import type { Tree } from './tree.js'

/** How to build an image. */
export interface ImagePlan {
  readonly dockerfile: string
  /** Where the Dockerfile lies in the context when it is the app's own: it asks for each config var that it wants. */
  readonly ownDockerfile: string | false
  /** Whether the app says what it begins with, although the Dockerfile is none of its own. */
  readonly namesImages?: true
  /** Lines of a .dockerignore; the app's own lines come after the buildpack's. */
  readonly dockerignore: string
  /** Folder of the tree that is the context; the top unless given. */
  readonly context?: string
  /** Stage that is the image; the last unless given. */
  readonly target?: string
  /** Values of ARGs. */
  readonly args?: Readonly<Record<string, string>>
  /**
   * The config vars that a step sees before the app's code is there: names, or beginnings that end in `*`; all unless given.
   * A change of any other leaves what such a step made as it is.
   */
  readonly early?: readonly string[]
  /** The port that it exposes before others; where it exposes none, the one that its command or its source names. */
  readonly port?: number
  /** What the log calls it, where no file does. */
  readonly title?: string
}

/** Config vars that hold a secret of the app's own, made at random where they are not set and kept; how each is written. */
export type Secrets = Readonly<Record<string, 'hex' | 'base64'>>

/** How to build an app and what to run of it. The Dockerfile builds on any Docker with the app's directory as context. */
export interface Plan extends ImagePlan {
  /** Name of the buildpack that made it. */
  readonly buildpack: string
  /** For the log: "Node.js". */
  readonly name: string
  /** What was found, for the log: "Node.js app". */
  readonly found: string
  /** For the log: "24"; empty when there is none to tell. */
  readonly version: string
  /** Process types that run in another image than the rest. */
  readonly images?: Readonly<Record<string, ImagePlan>>
  /** Process type -> command for `/bin/sh -c`; null is the image's own command. `release` runs once before the switch. */
  readonly processTypes: Readonly<Record<string, string | null>>
  /** A file of the image, a Procfile, that says what runs where none in the tree does: it is known when the build is over. */
  readonly typesFile?: string
  /** The file that says what runs. */
  readonly origin: 'Procfile' | 'package.json' | 'Dockerfile' | 'heroku.yml' | 'compose file'
  /** What processes of a type have beside image and command. */
  readonly settings?: SettingsOfTypes
  /** Process type -> how many run, unless somebody has scaled it. */
  readonly formation?: Readonly<Record<string, number>>
  readonly checks?: Readonly<Record<string, readonly ComposeCheck[]>>
  /** The port that `web` listens on, whatever its image exposes. */
  readonly webPort?: number
  readonly secrets?: Secrets
  /** What the pusher should know, a line each. */
  readonly notes: readonly string[]
}

/** A build that failed. */
export interface FailedBuild {
  /** In the builder's words. */
  readonly error: string
  readonly image: ImagePlan
}

/** Knows how one kind of app is built. A folder each; `index.ts` lists them. */
export interface Buildpack {
  /** As plans name it. */
  readonly name: string
  /** What it takes, for whoever pushes something else: "a Node.js app (package.json)". */
  readonly takes: string
  /** A file at the top of what it takes. */
  readonly landmark: string
  /**
   * Pure: no network, no side effects. Null for a tree that is not of its kind.
   * @param variables the app's config vars
   * @throws BerthError `invalid` in words for the pusher, when it is but cannot be built
   */
  plan(tree: Tree, variables: Readonly<Record<string, string>>): Plan | null
  /**
   * Why a build of its plan failed, by the last lines that the build wrote; null when they do not tell.
   */
  failure?(lines: readonly string[], failed: FailedBuild): string | null
}
