import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { IdSpan } from '../config.js'
import { codeOf, EngineError } from '../errors.js'
import { writeDurably } from '../system/durable.js'
import { Mutex } from '../mutex.js'
import { idCount, type IdRange } from '../system/id-map.js'

/** Above what useradd(8), subuid(5) and systemd-nspawn give out, below where signed numbers end. */
const defaultSpan: IdSpan = { first: 0x70000000, count: 0x10000000 }

/** `FIRST:COUNT`. @throws EngineError `invalid` */
export function parseSpan(text: string, option: string): IdSpan {
  const [, first, count] = (/^(\d{1,10}):(\d{1,10})$/.exec(text) ?? []).map(Number)
  // -1 is nobody's id, and root's is not to be had
  if (first === undefined || count === undefined || first < idCount || count < idCount || first + count >= 2 ** 32)
    throw new EngineError(
      'invalid',
      `${option} wants FIRST:COUNT, ids from 65536 on and at least 65536 of them, not "${text}"`,
    )
  return { first, count }
}

/** Whom a range is for: the containers that ask for none, the steps of builds, or those that ask for one by name. */
export type IdOwner = 'containers' | 'builds' | `name:${string}`

/**
 * Which range of host ids is whose. A range follows from the instance's name and the owner's; two owners of an instance
 * never have the same, and what one was given stays its own as long as ranges last: `<root>/userns.json`. Two instances may meet in a range,
 * which is harmless: no file on disk is owned by an id of one.
 */
export class IdRanges {
  readonly #path: string
  readonly #instance: string
  readonly #span: IdSpan
  readonly #given = new Map<string, number>()
  readonly #mutex = new Mutex()

  private constructor(root: string, instance: string, span: IdSpan) {
    this.#path = join(root, 'userns.json')
    this.#instance = instance
    this.#span = span
  }

  static async open(root: string, instance: string, span: IdSpan = defaultSpan): Promise<IdRanges> {
    const ranges = new IdRanges(root, instance, span)
    try {
      const stored = JSON.parse(await readFile(ranges.#path, 'utf8')) as Record<string, number>
      // another span was configured since: those outside are given anew
      for (const [owner, first] of Object.entries(stored)) if (ranges.#holds(first)) ranges.#given.set(owner, first)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
    }
    return ranges
  }

  /**
   * The range of an owner, which is on disk when this resolves.
   * @param names those that containers have, if it is known: when all ranges are given, the others' are given again
   * @throws EngineError `full` when there is none left
   */
  of(owner: IdOwner, names?: () => ReadonlySet<string>): Promise<IdRange> {
    return this.#mutex.run(async () => {
      const known = this.#given.get(owner)
      if (known !== undefined) return { first: known }
      if (names && this.#given.size >= this.#slots) this.#forgetBut(names())
      const first = this.#choose(owner)
      await writeDurably(this.#path, JSON.stringify(Object.fromEntries([...this.#given, [owner, first]])))
      this.#given.set(owner, first)
      return { first }
    })
  }

  #holds(first: number): boolean {
    return first >= this.#span.first && first + idCount <= this.#span.first + this.#span.count
  }

  get #slots(): number {
    return Math.floor(this.#span.count / idCount)
  }

  #forgetBut(names: ReadonlySet<string>): void {
    for (const owner of this.#given.keys())
      if (owner.startsWith('name:') && !names.has(owner.slice('name:'.length))) this.#given.delete(owner)
  }

  #choose(owner: IdOwner): number {
    const slots = this.#slots
    const taken = new Set(this.#given.values())
    const start = createHash('sha256').update(`${this.#instance}\0${owner}`).digest().readUInt32BE() % slots
    for (let step = 0; step < slots; step++) {
      const first = this.#span.first + ((start + step) % slots) * idCount
      if (!taken.has(first)) return first
    }
    throw new EngineError(
      'full',
      `all ${String(slots)} ranges of ids are taken by containers: give the engine more with --userns-ids`,
    )
  }
}
