/** A source tree, read-only. Paths are relative, `/`-separated. A link that leads out of the tree is as if it were not there. */
export interface SourceTree {
  /** Is it a regular file? */
  hasFile(path: string): boolean
  hasDirectory(path: string): boolean
  /** Text of a file, null when there is none. @throws BerthError `invalid` for one above 4 MiB */
  read(path: string): string | null
  /** Names at the top, or in a directory of it, sorted. */
  names(path?: string): readonly string[]
}

/** How an app is built and what of it runs. */
export interface BuildpackPlan {
  /** What was found, for the pusher: `Perl app`. */
  readonly found: string
  /** Of the language, for the pusher. */
  readonly version?: string
  /** Builds the app, with its directory as the context, on any Docker; config vars are there as environment while it runs. */
  readonly dockerfile: string
  /** Lines of a .dockerignore; those of the app itself come after them. */
  readonly dockerignore?: string
  /** Process type -> command for `/bin/sh -c`; the lines of the app's own Procfile count more. */
  readonly processTypes: Readonly<Record<string, string>>
  /** Port that `web` listens on, where it does not go by PORT. */
  readonly port?: number
  /** What the pusher should know, a line each. */
  readonly notes?: readonly string[]
}

/** Kind `buildpack`: knows how one kind of app is built. It is asked before those of Berth; an app's own Dockerfile comes first. */
export interface BuildpackPlugin {
  /** What it takes, for whoever pushes something else: `a Perl app (app.psgi)`. */
  readonly takes: string
  /** A file at the top of what it takes. */
  readonly landmark: string
  /**
   * Pure and at once: no network, no side effects, no promise. Null for a tree that is not of its kind.
   * @param variables config vars of the app that its builds have
   * @throws BerthError `invalid` in words for the pusher, when it is but cannot be built
   */
  plan(tree: SourceTree, variables: Readonly<Record<string, string>>): BuildpackPlan | null
}
