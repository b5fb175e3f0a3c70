/** The exact versions that a stack image is made of, by package. */
export type StackParts = Readonly<Record<string, string>>

/** What a stack image is built from: a build's context. Goes away with its holder. */
export interface StackSource extends AsyncDisposable {
  readonly directory: string
  readonly dockerfile: string
}

/** A family of images that plans and Dockerfiles begin with, and that Berth makes where no registry gives them. */
export interface Stack {
  /** The version in the name of an image: `24` of `node:24-bookworm-slim`; null when it is no image of this family. */
  versionOf(image: string): string | null
  /** The newest of all that an image of that version is made of. @throws Error when there is none */
  parts(cache: string, version: string): Promise<StackParts>
  /** Lays out what the image is built from; downloads stay in `cache`. */
  source(cache: string, parts: StackParts): Promise<StackSource>
  /** What it is made of, for the log: "Node.js 24.1.0, npm 11.0.0". */
  describe(parts: StackParts): string
  /** What must be within reach to make one the first time: "the npm registry and the Debian mirror". */
  readonly needs: string
  /** Lines that plans say in full, for other engines, and what FROM has in their stead: an image that no registry has. */
  readonly stage?: { readonly text: string; readonly image: string }
}

/** Parts as one line, by which an image is known again. */
export const lineOf = (parts: StackParts): string =>
  Object.entries(parts)
    .map(([name, version]) => `${name}@${version}`)
    .join(' ')

/** Label of an image that was made here: its parts, in one line. */
export const partsLabel = 'berth.stack.parts'
