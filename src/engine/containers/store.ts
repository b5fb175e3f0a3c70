import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '../errors.js'
import { syncDirectory, writeDurably } from '../system/durable.js'
import type { ContainerRecord } from './record.js'

/** Where one container keeps what must last. */
export interface Places {
  readonly dir: string
  readonly upperDir: string
  readonly workDir: string
  readonly log: string
  readonly hosts: string
  readonly hostname: string
  readonly resolvConf: string
}

/** The containers on disk: `<root>/containers/<id>/container.json` and beside it layer, log and name files. */
export class ContainerStore {
  readonly #root: string
  readonly #turns = new Map<string, Promise<void>>()
  constructor(root: string) {
    this.#root = join(root, 'containers')
  }

  places(id: string): Places {
    const dir = join(this.#root, id)
    return {
      dir,
      upperDir: join(dir, 'upper'),
      workDir: join(dir, 'work'),
      log: join(dir, 'log'),
      hosts: join(dir, 'hosts'),
      hostname: join(dir, 'hostname'),
      resolvConf: join(dir, 'resolv.conf'),
    }
  }

  /** Reads all of them; a directory without a record is what a create that was never answered left, and goes. */
  async load(): Promise<ContainerRecord[]> {
    await mkdir(this.#root, { recursive: true, mode: 0o700 })
    const records: ContainerRecord[] = []
    for (const id of await readdir(this.#root)) {
      try {
        records.push(JSON.parse(await readFile(join(this.#root, id, 'container.json'), 'utf8')) as ContainerRecord)
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error
        await rm(join(this.#root, id), { recursive: true, force: true })
      }
    }
    return records
  }

  async create(record: ContainerRecord): Promise<void> {
    const { dir, upperDir, workDir } = this.places(record.id)
    await mkdir(dir, { recursive: true, mode: 0o700 })
    await Promise.all([mkdir(upperDir, { mode: 0o755 }), mkdir(workDir, { mode: 0o700 })])
    await this.save(record)
    await syncDirectory(this.#root)
  }

  /** Resolves when the record, as it is now, is on disk. */
  save(record: ContainerRecord): Promise<void> {
    return this.#inTurn(record.id, () =>
      writeDurably(join(this.places(record.id).dir, 'container.json'), JSON.stringify(record)),
    )
  }

  /**
   * The same where the disk has room, for what is so whether it can be written or not: a container has ended, or is to.
   * @returns false when the disk is full; the record is written by whatever saves it next
   */
  async saveIfRoom(record: ContainerRecord): Promise<boolean> {
    try {
      await this.save(record)
      return true
    } catch (error) {
      if (codeOf(error) !== 'ENOSPC' && codeOf(error) !== 'EDQUOT') throw error
      console.error(`no space left on device: the state of container ${record.id} is not on the disk`)
      return false
    }
  }

  /** Writes what only has to outlive the engine, not the machine: no fsync on the way of a start. */
  note(record: ContainerRecord): Promise<void> {
    return this.#inTurn(record.id, async () => {
      const path = join(this.places(record.id).dir, 'container.json')
      await writeFile(`${path}.note`, JSON.stringify(record), { mode: 0o600 })
      await rename(`${path}.note`, path)
    })
  }

  async remove(id: string): Promise<void> {
    // the record first: without it the rest is rubbish, with it half a container
    await this.#inTurn(id, () => rm(join(this.places(id).dir, 'container.json'), { force: true }))
    this.#turns.delete(id)
    await rm(this.places(id).dir, { recursive: true, force: true })
  }

  #inTurn(id: string, write: () => Promise<void>): Promise<void> {
    const turn = (this.#turns.get(id) ?? Promise.resolve()).catch(() => undefined).then(write)
    this.#turns.set(id, turn)
    return turn
  }
}
