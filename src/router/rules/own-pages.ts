import { readFileSync } from 'node:fs'
import { access, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { orMissing } from '../../lib/missing.js'
import { digestOf } from '../../store/pages.js'
import type { Route } from '../../store/routes.js'

/** Pages in memory; those shown longest ago are read again. */
const mostKept = 32

const digestsOf = ({ rules }: Route): string[] => Object.values(rules?.pages ?? {})

/** The pages that apps have of their own, in files, so that they are there when Redis is not. */
export class OwnPages {
  readonly #folder: string
  readonly #kept = new Map<string, string>()

  /** @param root of this Berth */
  constructor(root: string) {
    this.#folder = join(root, 'router', 'pages')
  }

  /** A page by its digest; undefined where it has not come yet, or is not what it was. */
  find(digest: string): string | undefined {
    const kept = this.#kept.get(digest) ?? this.#read(digest)
    if (kept === undefined) return undefined
    this.#kept.delete(digest) // the last that was shown is the last to go
    this.#kept.set(digest, kept)
    if (this.#kept.size > mostKept) this.#kept.delete(this.#kept.keys().next().value ?? '')
    return kept
  }

  /** Fetches what a route names and is not here. @param fetch a page by its digest, null where there is none */
  async fetch(route: Route, fetch: (digest: string) => Promise<string | null>): Promise<void> {
    for (const digest of digestsOf(route)) {
      const isHere = await access(this.#file(digest)).then(() => true, orMissing(false))
      const html = isHere ? null : await fetch(digest)
      if (html !== null && digestOf(html) === digest) await this.#write(digest, html)
    }
  }

  /** Removes what no route names. */
  async sweep(routes: readonly Route[]): Promise<void> {
    const named = new Set(routes.flatMap(digestsOf).map((digest) => `${digest}.html`))
    const there = await readdir(this.#folder).catch(orMissing([]))
    await Promise.all(there.filter((name) => !named.has(name)).map((name) => rm(join(this.#folder, name))))
  }

  #file(digest: string): string {
    return join(this.#folder, `${digest}.html`)
  }

  #read(digest: string): string | undefined {
    let html
    try {
      html = readFileSync(this.#file(digest), 'utf8')
    } catch (error) {
      orMissing(undefined)(error)
      return undefined
    }
    return digestOf(html) === digest ? html : undefined
  }

  async #write(digest: string, html: string): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const temporary = `${this.#file(digest)}.new`
    {
      await using file = await open(temporary, 'w', 0o600)
      await file.writeFile(html)
      await file.sync()
    }
    await rename(temporary, this.#file(digest))
  }
}
