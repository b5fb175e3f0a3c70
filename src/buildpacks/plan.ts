import type { Tree } from './tree.js'

/** How to build an app and what to run of it. The Dockerfile builds on any Docker with the app's directory as context. */
export interface Plan {
  readonly buildpack: 'dockerfile' | 'nodejs' | 'static'
  /** For the log: "Node.js". */
  readonly name: string
  /** For the log: "24"; empty when there is none to tell. */
  readonly version: string
  readonly dockerfile: string
  /** Lines of a .dockerignore; the app's own lines come after the buildpack's. */
  readonly dockerignore: string
  /** Process type -> command for `/bin/sh -c`; null is the image's own command. `release` runs once before the switch. */
  readonly processTypes: Readonly<Record<string, string | null>>
  /** What the pusher should know, a line each. */
  readonly notes: readonly string[]
}

/** A buildpack answers null for a tree that is not of its kind, and throws when it is but cannot be built. */
export type Buildpack = (tree: Tree) => Plan | null
