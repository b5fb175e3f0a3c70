import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, EngineError, messageOf } from '../errors.js'
import type { VolumeFiller } from '../records.js'
import { syncDirectory, writeDurably } from '../system/durable.js'
import { removeIfPossible, sweepTrees } from '../system/remove.js'
import { makeCopy, moveOut } from './fill.js'
import { makeDisk, parseSize } from './limited.js'

/** A volume as stored: `<name>/volume.json`, beside its content in `<name>/_data`. */
export interface VolumeRecord {
  readonly name: string
  /** RFC 3339 */
  readonly createdAt: string
  readonly labels: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
  readonly anonymous: boolean
}

const half = 'a volume that was never finished'

/**
 * The volumes on disk. One appears whole and is gone at once, by renaming its directory; what a kill left between begins
 * with a dot, which no name does, and is swept at the next start.
 */
export class VolumeRecords {
  readonly #directory: string
  constructor(directory: string) {
    this.#directory = directory
  }

  mountpoint(name: string): string {
    return join(this.#directory, name, '_data')
  }

  async load(): Promise<readonly VolumeRecord[]> {
    await mkdir(this.#directory, { recursive: true, mode: 0o701 })
    const names = await readdir(this.#directory)
    const halves = names.filter((name) => name.startsWith('.'))
    await sweepTrees(
      'volumes that were never finished, or never quite removed',
      halves.map((name) => join(this.#directory, name)),
    )
    const whole = names.filter((name) => !name.startsWith('.'))
    for (const name of whole)
      if (existsSync(this.#copied(name)))
        await this.#moveIn(name).catch((error: unknown) => {
          console.error(`what is to be in volume ${name} cannot be moved there: ${messageOf(error)}`)
        })
    return (await Promise.all(whole.map((name) => this.#read(name)))).filter((record) => record !== undefined)
  }

  async #read(name: string): Promise<VolumeRecord | undefined> {
    try {
      return JSON.parse(await readFile(join(this.#directory, name, 'volume.json'), 'utf8')) as VolumeRecord
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined
      if (!(error instanceof SyntaxError)) throw error
      console.error(`volume ${name} is left out: its record is damaged; see berth engine:check`)
      return undefined
    }
  }

  async save(record: VolumeRecord): Promise<void> {
    const draft = this.#aside()
    try {
      await mkdir(draft, { mode: 0o701 })
      await mkdir(join(draft, '_data'), { mode: 0o755 })
      if (record.options.size !== undefined) await makeDisk(draft, parseSize(record.name, record.options.size))
      await writeDurably(join(draft, 'volume.json'), JSON.stringify(record))
      await rename(draft, join(this.#directory, record.name))
    } catch (error) {
      await removeIfPossible(draft, half)
      if (codeOf(error) === 'ENOSPC') throw new EngineError('full', `create ${record.name}: no space left`, error)
      throw error
    }
    await syncDirectory(this.#directory)
  }

  /**
   * Fills a volume that is empty. The copy is made beside it and is on the disk before it takes its place: a kill leaves the
   * volume empty, or filled, or to be filled by the next start. @param turn decides, and keeps it so, whether somebody has the empty directory mounted
   */
  async fill(
    name: string,
    copy: VolumeFiller,
    turn: (publish: (mounted: boolean) => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const draft = this.#aside()
    const place = this.mountpoint(name)
    try {
      if (!(await makeCopy(draft, copy))) return
      await turn(async (mounted) => {
        // who has it mounted would go on seeing the directory that was there
        await rename(draft, mounted ? this.#copied(name) : place)
        await syncDirectory(join(this.#directory, name))
        if (mounted) await this.#moveIn(name)
      })
    } catch (error) {
      // another was faster, or wrote there itself
      if (codeOf(error) !== 'ENOTEMPTY' && codeOf(error) !== 'EEXIST') throw error
    } finally {
      await removeIfPossible(draft, half)
    }
  }

  /** Gone for good when this resolves; its content may take longer, and does not come back. */
  async remove(name: string): Promise<void> {
    const grave = this.#aside()
    await rename(join(this.#directory, name), grave)
    await syncDirectory(this.#directory)
    await removeIfPossible(grave, `what the volume ${name} held, which is gone`)
  }

  /** Moves a copy that is whole into the volume; a kill meanwhile has it moved at the next start. */
  #moveIn(name: string): Promise<void> {
    return moveOut(this.#copied(name), this.mountpoint(name))
  }

  /** A whole copy of what the volume is to hold, before it is moved there. */
  #copied(name: string): string {
    return join(this.#directory, name, 'copied')
  }

  #aside(): string {
    return join(this.#directory, `.${randomBytes(8).toString('hex')}`)
  }
}
