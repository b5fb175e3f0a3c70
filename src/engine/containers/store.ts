import { link, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, messageOf } from '../errors.js'
import { sweepDrafts, syncDirectory, writeDurably } from '../system/durable.js'
import type { ContainerRecord } from './record.js'
import { KeyedMutex } from '../mutex.js'
import { removeIfPossible, sweepTrees } from '../system/remove.js'

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

/** The second name of the last record that was synced, while the first one's is a note. */
const synced = 'container.json.synced'

/** A note says so: beside a record that was synced, an older one of that name is what a power cut has brought back. */
type Noted = ContainerRecord & { readonly noted?: true }

/** The containers on disk: `<root>/containers/<id>/container.json` and beside it layer, log and name files. */
export class ContainerStore {
  readonly #root: string
  /** Containers whose record on disk is a note: the synced one before it has a second name. */
  readonly #noted = new Set<string>()
  readonly #mutex = new KeyedMutex()
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
    const unanswered: string[] = []
    for (const id of await readdir(this.#root)) {
      const dir = join(this.#root, id)
      const found = await readRecord(dir)
      if (found === undefined) unanswered.push(dir)
      else if (found === 'damaged')
        process.stderr.write(
          `container ${id.slice(0, 12)} is left out: its record is damaged; see berth engine:check\n`,
        )
      else {
        records.push(found.record)
        await sweepDrafts(dir)
        if (found.noted) this.#noted.add(found.record.id)
        if (found.torn) await this.saveIfPossible(found.record)
        if (!found.noted) await rm(join(dir, synced), { force: true })
      }
    }
    await sweepTrees('containers that were never finished, or never quite removed', unanswered)
    return records
  }

  /** Makes room for a container; without a record it goes at the next start. */
  async prepare(id: string): Promise<void> {
    const { dir, upperDir, workDir } = this.places(id)
    await mkdir(dir, { recursive: true, mode: 0o700 })
    await Promise.all([mkdir(upperDir, { mode: 0o755 }), mkdir(workDir, { mode: 0o700 })])
  }

  /** From here on the container is there, whatever happens. */
  async create(record: ContainerRecord): Promise<void> {
    await Promise.all([this.save(record), syncDirectory(this.#root)])
  }

  /** Resolves when the record, as it is now, is on disk. */
  save(record: ContainerRecord): Promise<void> {
    return this.#mutex.run(record.id, async () => {
      const { dir } = this.places(record.id)
      await writeDurably(join(dir, 'container.json'), JSON.stringify(record))
      if (this.#noted.delete(record.id)) await rm(join(dir, synced), { force: true })
    })
  }

  /**
   * The same if the disk lets it, for what is so whether it can be written or not: a container has ended, or is to.
   * @returns false when the disk is full or broken; the record is written by whatever saves it next
   */
  saveIfPossible(record: ContainerRecord): Promise<boolean> {
    return ifPossible(record, this.save(record))
  }

  /**
   * Writes what only has to outlive the engine, not the machine: no fsync on the way of a start. A power cut may leave the
   * new file empty, on a file system that renames before it writes; then the last one that was synced counts.
   */
  note(record: ContainerRecord): Promise<void> {
    return this.#mutex.run(record.id, async () => {
      const { dir } = this.places(record.id)
      const [path, draft] = [join(dir, 'container.json'), join(dir, 'container.json.note.tmp')]
      await writeFile(draft, JSON.stringify({ ...record, noted: true } satisfies Noted), { mode: 0o600 })
      if (!this.#noted.has(record.id)) {
        await link(path, join(dir, synced))
        this.#noted.add(record.id)
      }
      await rename(draft, path)
    })
  }

  /** The same as `note`, as `saveIfPossible` is to `save`. */
  noteIfPossible(record: ContainerRecord): Promise<boolean> {
    return ifPossible(record, this.note(record))
  }

  /** Gone for good when this resolves, but for `brief`: after a power cut that one is found again, and goes then. */
  async remove(id: string, brief = false): Promise<void> {
    // the record first: without it the rest is rubbish, with it half a container
    const { dir } = this.places(id)
    await this.#mutex.run(id, async () => {
      await rm(join(dir, 'container.json'), { force: true })
      if (!brief) await syncDirectory(dir).catch(unlessNeverMade)
    })
    this.#noted.delete(id)
    await removeIfPossible(dir, `files of container ${id.slice(0, 12)}, which is gone`)
  }
}

async function ifPossible({ id }: ContainerRecord, written: Promise<void>): Promise<boolean> {
  try {
    await written
    return true
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    console.error(`${messageOf(error)}: the state of container ${id} is not on the disk`)
    return false
  }
}

function unlessNeverMade(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error
}

/** The record in a container's directory; undefined when it has none. @throws when the disk cannot be read */
async function readRecord(
  dir: string,
): Promise<{ record: ContainerRecord; noted: boolean; torn: boolean } | 'damaged' | undefined> {
  let damaged = false
  for (const name of ['container.json', synced]) {
    try {
      const { noted = false, ...record } = JSON.parse(await readFile(join(dir, name), 'utf8')) as Noted
      return { record, noted: noted || damaged, torn: damaged }
    } catch (error) {
      if (error instanceof SyntaxError) damaged = true
      else if (codeOf(error) !== 'ENOENT') throw error
      // without its record a container is gone, whatever else is there
      else if (name === 'container.json') return undefined
    }
  }
  return damaged ? 'damaged' : undefined
}
