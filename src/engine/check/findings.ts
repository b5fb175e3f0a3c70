/** Something on disk that is not as it should be. */
export interface Finding {
  /** `damage`: what is kept has suffered. `leftover`: nothing refers to it. */
  readonly kind: 'damage' | 'leftover'
  /** The thing, as people call it: `layer sha256:…`, `container web`. */
  readonly what: string
  readonly problem: string
  /** What to do about it. */
  readonly remedy: string
}

/** How much was looked at. */
export interface Count {
  images: number
  layers: number
  /** Of the layers' files. */
  bytes: number
  containers: number
  volumes: number
  networks: number
  /** Records of the build cache and its cache directories. */
  cached: number
}

/** What one look at a root directory has found. */
export class Findings {
  readonly all: Finding[] = []
  readonly count: Count = { images: 0, layers: 0, bytes: 0, containers: 0, volumes: 0, networks: 0, cached: 0 }

  damage(what: string, problem: string, remedy: string): void {
    this.all.push({ kind: 'damage', what, problem, remedy })
  }

  leftover(path: string, problem: string, remedy = 'it goes when the engine starts next'): void {
    this.all.push({ kind: 'leftover', what: path, problem, remedy })
  }
}
