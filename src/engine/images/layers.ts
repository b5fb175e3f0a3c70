import { randomBytes } from 'node:crypto'
import { access, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { codeOf, EngineError, messageOf } from '../errors.js'
import type { Digest } from '../records.js'
import type { LayerSum } from './pack.js'
import type { JobPool } from './job-pool.js'
import type { LayerSource, CompressedLayer } from './compress.js'
import { diskUsage } from '../system/disk.js'
import { syncAll } from '../system/durable.js'
import { sweepTrees } from '../system/remove.js'
import type { Earlier } from './copies.js'
import type { DiskUsage } from './disk-usage.js'

/** A layer in the making. Disposing it before it is committed leaves nothing behind. */
export interface LayerDraft extends AsyncDisposable {
  /** Unique, `[a-z0-9]{24}`. */
  readonly id: string
  /** Empty: receives the layer's files in overlayfs form. */
  readonly upper: string
  /** Empty, on the same file system: overlayfs's work directory, or scratch space. */
  readonly work: string
}

/**
 * Layers on disk, one directory each, named by diff id and ready to be an overlay's lower directory:
 *
 *     layers/<hex>/       the files; whiteouts are character devices 0:0, opaque directories carry the xattr
 *     layers/<hex>.json   {diffId, size, elevates}: see recordOf
 *     layers/<hex>.recipe how to make the archive again, of a layer that came from elsewhere; see Recorder
 *     layers/<hex>.copies what a COPY put into it; the next one may refer to its files, by hard links
 *     staging/<id>/       layers in the making; swept at start
 *
 * A diff id is the digest of the archive that `packLayer` makes of the directory, computed once, when the layer is
 * committed, on a worker thread. The archive itself is not kept: the same bytes can be made from the directory again,
 * so a push or a save streams it and checks it against its name.
 *
 * A layer is published by a rename but not fsynced file by file (2,000 files would cost seconds): `settle` makes all
 * of them durable with one syncfs before anything durable (an image, a cache record) may name them. At start a layer that
 * nothing durable names is swept, so a half-written one is never seen.
 */
export class Layers {
  readonly #root: string
  readonly #pool: JobPool
  readonly #sums = new Map<Digest, LayerSum>()
  readonly #usages = new Map<Digest, DiskUsage>()
  /** Layers that have come or gone: what was measured meanwhile may be wrong. */
  #changes = 0
  readonly #held = new Map<Digest, number>()
  readonly #removing = new Map<Digest, Promise<void>>()
  readonly #publishing = new Map<Digest, Promise<void>>()
  /** Committed since the last syncfs. */
  #unsettled = 0
  #settling: Promise<void> | undefined

  private constructor(root: string, pool: JobPool) {
    this.#root = root
    this.#pool = pool
  }

  static async open(root: string, pool: JobPool): Promise<Layers> {
    const layers = new Layers(root, pool)
    await mkdir(layers.#path(''), { recursive: true, mode: 0o711 })
    // a git or a copy that the last daemon began may not have heard of its end
    const staging = join(root, 'staging')
    await mkdir(staging, { recursive: true, mode: 0o711 })
    const left = (await readdir(staging)).map((name) => join(staging, name))
    await sweepTrees('layers that were never finished', left)
    const names = new Set(await readdir(layers.#path('')))
    for (const name of names) {
      if (!/^[0-9a-f]{64}$/.test(name) || !names.has(`${name}.json`)) continue
      const sum = await readSum(layers.#path(`${name}.json`))
      if (sum?.diffId === `sha256:${name}`) layers.#sums.set(sum.diffId, sum)
    }
    return layers
  }

  has(diffId: Digest): boolean {
    return this.#sums.has(diffId)
  }

  /** Bytes that its files hold: the same on every disk. */
  size(diffId: Digest): number {
    return this.#sums.get(diffId)?.size ?? 0
  }

  /** Whether it has a program that may give its caller more than it has: a layer that nobody has looked at may. */
  hasPrivilegedFiles(diffId: Digest): boolean {
    return this.#sums.get(diffId)?.hasPrivilegedFiles ?? true
  }

  /** Bytes that it takes on this disk, as its part of it: blocks, directories and what is kept beside it; none once it is gone. */
  async space(diffId: Digest): Promise<number> {
    return (await this.#measure(diffId)).share
  }

  /** Read once, unless other layers have files of it. */
  async #measure(diffId: Digest): Promise<DiskUsage> {
    const known = this.#usages.get(diffId)
    if (known) return known
    if (!this.has(diffId)) return noUsage
    const changes = this.#changes
    const path = this.#path(diffId.slice('sha256:'.length))
    const measured = await this.#pool.run('diskUsage', path).catch((error: unknown) => {
      if (this.has(diffId) && changes === this.#changes) throw error
      return undefined // it was removed meanwhile, and may be there again
    })
    if (measured === undefined) return this.#measure(diffId)
    const { share, own, common } = measured
    const beside = await diskUsage(path, ...kept.map((kind) => `${path}.${kind}`))
    const usage = { share: share + beside, own: own + beside, common }
    if (this.has(diffId) && changes === this.#changes) this.#usages.set(diffId, usage)
    return usage
  }

  /** A layer has come or gone: what has files in common with others takes something else now, as does what it refers to. */
  #forgetMeasures(referred?: Digest): void {
    this.#changes++
    for (const [diffId, { common }] of this.#usages) if (common || diffId === referred) this.#usages.delete(diffId)
  }

  all(): Digest[] {
    return [...this.#sums.keys()]
  }

  /** The layer's directory: read it, mount it, never write to it. */
  directory(diffId: Digest): string {
    if (!this.has(diffId)) throw new EngineError('missing', `layer ${diffId} does not exist`)
    return this.#path(diffId.slice('sha256:'.length))
  }

  async draft(): Promise<LayerDraft> {
    const id = randomBytes(12).toString('hex')
    const root = join(this.#root, 'staging', id)
    await mkdir(root, { mode: 0o711 })
    const stage = { id, upper: join(root, 'upper'), work: join(root, 'work') }
    await mkdir(stage.upper, { mode: 0o755 })
    await mkdir(stage.work, { mode: 0o700 })
    return { ...stage, [Symbol.asyncDispose]: () => this.#pool.run('remove', root) }
  }

  /**
   * Publishes a stage as a layer and holds it. A layer that is there already is kept, the stage dropped.
   * @param copies where what a COPY put into it is written, if it is
   * @param referred the layer that it may have files of
   */
  async commit(stage: LayerDraft, copies?: string, referred?: Digest): Promise<LayerSum> {
    const sum = await this.#pool.run('sum', stage.upper)
    const published = await this.#publish(stage, sum, copies === undefined ? {} : { copies })
    this.#forgetMeasures(referred)
    return published
  }

  /** What a COPY that is like the one that made a layer may refer to. */
  earlier(diffId: Digest): Earlier {
    const directory = this.directory(diffId)
    return { directory, copies: `${directory}.copies` }
  }

  /**
   * Unpacks the archive of a layer from elsewhere and publishes it under the digest of that archive, which can be made
   * again from it; holds it. @throws EngineError `invalid` when the digest is not `expected`
   */
  async adopt(stage: LayerDraft, archive: Readable, expected?: Digest, signal?: AbortSignal): Promise<LayerSum> {
    const recipe = join(stage.work, 'recipe')
    const task = { upper: stage.upper, lowers: [], base: '/', as: 'layer' as const, recipe }
    const sum = await this.#pool.unpackLayer(task, archive, signal)
    if (expected !== undefined && sum.diffId !== expected)
      throw new EngineError(
        'invalid',
        `layers from manifest don't match image configuration: diff id ${sum.diffId}, not ${expected}`,
      )
    return this.#publish(stage, sum, { recipe })
  }

  /** Compresses the layer's archive into a file: the same layer gives the same bytes. */
  async compress(diffId: Digest, target: string): Promise<CompressedLayer> {
    const pressed = await this.#pool.run('compress', { ...(await this.source(diffId)), target })
    if (pressed.diffId !== diffId)
      throw new EngineError('broken', `layer ${diffId} is damaged: its archive is ${pressed.diffId}`)
    return pressed
  }

  /** What the layer's archive is made from: see `layerArchive`. */
  async source(diffId: Digest): Promise<LayerSource> {
    const directory = this.directory(diffId)
    const recipe = `${directory}.recipe`
    const recorded = await access(recipe).then(
      () => true,
      () => false,
    )
    return recorded ? { directory, recipe } : { directory }
  }

  /** What is there already is kept, the stage dropped. */
  async #publish(stage: LayerDraft, sum: LayerSum, beside: Beside): Promise<LayerSum> {
    this.hold(sum.diffId)
    // two stages may make the same layer at the same time: the second must not take away what the first works on
    const publishing = this.#publishing.get(sum.diffId) ?? this.#move(stage, sum, beside)
    this.#publishing.set(sum.diffId, publishing)
    try {
      await publishing
    } catch (error) {
      this.release(sum.diffId)
      throw error
    } finally {
      this.#publishing.delete(sum.diffId)
    }
    await stage[Symbol.asyncDispose]()
    return sum
  }

  async #move(stage: LayerDraft, sum: LayerSum, beside: Beside): Promise<void> {
    await Promise.allSettled([this.#removing.get(sum.diffId)]) // a failure is told to whoever removes it
    if (this.has(sum.diffId)) return
    const path = this.#path(sum.diffId.slice('sha256:'.length))
    await this.#discard(path)
    for (const kind of kept) await rm(`${path}.${kind}`, { force: true })
    for (const [kind, file] of Object.entries(beside)) await rename(file, `${path}.${kind}`)
    await rename(stage.upper, path)
    await writeFile(`${path}.json`, JSON.stringify(recordOf(sum)))
    this.#sums.set(sum.diffId, sum)
    this.#unsettled++
  }

  /** Makes every layer committed so far survive a power cut. */
  async settle(): Promise<void> {
    await this.#settling
    if (this.#unsettled === 0) return
    this.#settling ??= this.#sync().finally(() => (this.#settling = undefined))
    await this.#settling
  }

  /** Keeps a layer from being removed while a build works on it. */
  hold(diffId: Digest): void {
    this.#held.set(diffId, (this.#held.get(diffId) ?? 0) + 1)
  }

  isHeld(diffId: Digest): boolean {
    return this.#held.has(diffId)
  }

  release(diffId: Digest): void {
    const left = (this.#held.get(diffId) ?? 0) - 1
    if (left > 0) this.#held.set(diffId, left)
    else this.#held.delete(diffId)
  }

  /** Removes layers, except those that are held. Answers with the bytes on disk set free. */
  async remove(diffIds: Iterable<Digest>): Promise<number> {
    let freed = 0
    for (const diffId of diffIds) {
      if (!this.has(diffId) || this.#held.has(diffId)) continue
      freed += await this.#measure(diffId).then(
        ({ own }) => own,
        () => 0,
      )
      if (!this.has(diffId) || this.#held.has(diffId)) continue
      this.#sums.delete(diffId)
      this.#usages.delete(diffId)
      // what makes the same layer again meanwhile must not lose its own
      const removal = this.#erase(diffId)
      this.#removing.set(diffId, removal)
      await removal.finally(() => this.#removing.delete(diffId))
    }
    return freed
  }

  async #erase(diffId: Digest): Promise<void> {
    const path = this.#path(diffId.slice('sha256:'.length))
    for (const kind of kept) await rm(`${path}.${kind}`, { force: true })
    await this.#discard(path)
    this.#forgetMeasures()
  }

  /** Out of the way first: a removal that is cut short, or cannot be, must not look like a layer. */
  async #discard(path: string): Promise<void> {
    const removed = join(this.#root, 'staging', randomBytes(12).toString('hex'))
    try {
      await rename(path, removed)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return
      throw error
    }
    await this.#pool.run('remove', removed)
  }

  /** Removes what no layer record names and every layer that `keep` does not. */
  async sweep(keep: ReadonlySet<Digest>): Promise<void> {
    for (const diffId of this.all().filter((one) => !keep.has(one)))
      await this.remove([diffId]).catch((error: unknown) => {
        console.error(`the layer ${diffId} cannot be removed: ${messageOf(error)}`)
      })
    const strays = (await readdir(this.#path(''))).filter((name) => !this.has(`sha256:${name.replace(beside, '')}`))
    await sweepTrees(
      'layers without a record',
      strays.map((name) => this.#path(name)),
    )
  }

  async #sync(): Promise<void> {
    const covered = this.#unsettled
    await syncAll(this.#root)
    this.#unsettled -= covered
  }

  #path(name: string): string {
    return join(this.#root, 'layers', name)
  }
}

/** What is kept beside a layer's directory, the record first: without it there is no layer. */
const kept = ['json', 'recipe', 'copies'] as const

const noUsage: DiskUsage = { share: 0, own: 0, common: false }

const beside = new RegExp(`\\.(${kept.join('|')})$`)

/** Files that are to be kept beside a layer. */
type Beside = { readonly [kind in Exclude<(typeof kept)[number], 'json'>]?: string }

/** A layer's sum as its file has it. `elevates` is its old name for `hasPrivilegedFiles`, which every engine reads. */
const recordOf = ({ diffId, size, hasPrivilegedFiles }: LayerSum) => ({ diffId, size, elevates: hasPrivilegedFiles })

async function readSum(path: string): Promise<LayerSum | undefined> {
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as Partial<ReturnType<typeof recordOf>>
    if (value.diffId === undefined || value.size === undefined) return undefined
    // an older engine did not look, and its containers may rely on what is there
    return { diffId: value.diffId, size: value.size, hasPrivilegedFiles: value.elevates ?? true }
  } catch {
    return undefined // torn by a power cut: the layer is swept
  }
}
