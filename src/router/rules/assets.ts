import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { orMissing } from '../../lib/missing.js'

/** What an app has answered before: a file that a page of an earlier release may ask for. */
export interface Asset {
  /** `[name, value, …]`, names in lower case. */
  readonly headers: readonly string[]
  readonly body: Buffer
}

/** How much is kept, in bytes. */
export interface AssetLimits {
  readonly each: number
  readonly app: number
  readonly all: number
}

const defaultLimits: AssetLimits = { each: 8 * 2 ** 20, app: 64 * 2 ** 20, all: 512 * 2 ** 20 }
/** Bytes that one counts for at least, so that many small ones do not take the memory of the router. */
const least = 16 * 1024
/** Bytes in memory of those that are collected, wait to be written, or are sent: what comes past them is not kept, and not sent. */
export const mostHeld = 32 * 2 ** 20

interface Kept {
  /** Bytes that it counts for. */
  readonly size: number
  /** What changes with it; undefined where it was written by a router before. */
  readonly signature?: string
}

/**
 * The assets of apps, in files, each app's apart: bounded of each app and in all, the oldest go first. What is lost of it is lost to
 * nobody but who asks for an old file.
 */
export class Assets {
  readonly limits: AssetLimits
  readonly #folder: string
  /** By app id, and by the name of the file; the oldest first. */
  readonly #apps = new Map<string, Map<string, Kept>>()
  readonly #sizes = new Map<string, number>()
  #total = 0
  #held = 0
  #working: Promise<unknown> = Promise.resolve()

  /** @param root of this Berth */
  constructor(root: string, limits: AssetLimits = defaultLimits) {
    this.#folder = join(root, 'router', 'assets')
    this.limits = limits
  }

  /** Finds what routers before have kept. */
  async load(): Promise<void> {
    for (const app of await readdir(this.#folder).catch(orMissing([]))) {
      const names = await readdir(join(this.#folder, app)).catch(orMissing([]))
      const all = await Promise.all(
        names.map(async (name) => ({ name, made: await stat(join(this.#folder, app, name)).catch(orMissing(null)) })),
      )
      const there = all.flatMap(({ name, made }) => (made ? [{ name, made }] : []))
      for (const { name, made } of there.sort((a, b) => a.made.mtimeMs - b.made.mtimeMs))
        if (/^[0-9a-f]{32}$/.test(name)) this.#note(app, name, { size: Math.max(made.size, least) })
        else await rm(join(this.#folder, app, name), { force: true })
    }
  }

  /** The name of a request target's asset in a coding (`''`: as it is). */
  nameOf(target: string, coding: string): string {
    return createHash('sha256').update(`${coding} ${target}`).digest('hex').slice(0, 32)
  }

  /** The bytes that one takes; undefined where it is not kept. */
  sizeOf(app: string, name: string): number | undefined {
    return this.#apps.get(app)?.get(name)?.size
  }

  /** Whether this very one is kept. @param signature what changes with it */
  isKept(app: string, name: string, signature: string): boolean {
    return this.#apps.get(app)?.get(name)?.signature === signature
  }

  /** Takes room in memory; false when there is none. */
  hold(bytes: number): boolean {
    if (this.#held + bytes > mostHeld) return false
    this.#held += bytes
    return true
  }

  /** Gives room back. */
  free(bytes: number): void {
    this.#held -= bytes
  }

  /** Keeps one, in the background, and gives the room back that its body has taken: it may be lost. */
  keep(app: string, name: string, { signature, ...asset }: Asset & { readonly signature: string }): void {
    const { length } = asset.body
    this.#do(async () => {
      this.free(length)
      const file = join(this.#folder, app, name)
      await mkdir(join(this.#folder, app), { recursive: true, mode: 0o700 })
      const head = Buffer.from(`${JSON.stringify({ headers: asset.headers, length })}\n`)
      await writeFile(`${file}.new`, Buffer.concat([head, asset.body]), { mode: 0o600 })
      await rename(`${file}.new`, file)
      this.#note(app, name, { size: Math.max(head.length + length, least), signature })
      await this.#bound(app)
    })
  }

  /** Reads one; undefined where it has gone, or is not whole. */
  async read(app: string, name: string): Promise<Asset | undefined> {
    const file = await readFile(join(this.#folder, app, name)).catch(orMissing(null))
    const end = file?.indexOf('\n') ?? -1
    if (!file || end < 0) return undefined
    const { headers, length } = JSON.parse(file.toString('utf8', 0, end)) as { headers: string[]; length: number }
    const body = file.subarray(end + 1)
    return body.length === length ? { headers, body } : undefined
  }

  /** Forgets all of an app. */
  forget(app: string): void {
    if (!this.#apps.has(app)) return
    this.#apps.delete(app)
    this.#count(app, -(this.#sizes.get(app) ?? 0))
    this.#sizes.delete(app)
    this.#do(() => rm(join(this.#folder, app), { recursive: true, force: true }))
  }

  /** Forgets all of every app but these. */
  sweep(apps: ReadonlySet<string>): void {
    for (const app of [...this.#apps.keys()]) if (!apps.has(app)) this.forget(app)
  }

  /** Resolves when all that was asked for is done. */
  async settled(): Promise<void> {
    await this.#working
  }

  #do(task: () => Promise<void>): void {
    this.#working = this.#working.then(task).catch(() => undefined) // a full disk keeps nothing, and stops nobody
  }

  #note(app: string, name: string, kept: Kept): void {
    const all = this.#apps.get(app) ?? new Map<string, Kept>()
    const before = all.get(name)?.size ?? 0
    all.delete(name) // the newest is the last
    all.set(name, kept)
    this.#apps.set(app, all)
    this.#count(app, kept.size - before)
  }

  #count(app: string, more: number): void {
    this.#sizes.set(app, (this.#sizes.get(app) ?? 0) + more)
    this.#total += more
  }

  /** Makes room: of an app that has too much, and then of those that have most. */
  async #bound(app: string): Promise<void> {
    while ((this.#sizes.get(app) ?? 0) > this.limits.app) await this.#drop(app)
    while (this.#total > this.limits.all) {
      const [[largest] = []] = [...this.#sizes].sort(([, a], [, b]) => b - a)
      if (largest === undefined) return
      await this.#drop(largest)
    }
  }

  async #drop(app: string): Promise<void> {
    const all = this.#apps.get(app)
    const [[name, { size }] = ['', { size: 0 }]] = all ?? []
    all?.delete(name)
    this.#count(app, -size)
    await rm(join(this.#folder, app, name), { force: true })
  }
}
