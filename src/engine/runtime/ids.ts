import type { EngineConfig } from '../config.js'
import { EngineError, messageOf } from '../errors.js'
import { IdMaps, type IdRange } from '../system/id-map.js'
import { IdRanges, type IdOwner } from './id-ranges.js'
import type { UserNamespace } from './sandbox.js'
import type { MappedOwners } from './mount-staging.js'

/** The ids of an engine's containers. */
export class Ids {
  readonly #ranges: IdRanges
  readonly #maps = new IdMaps()

  private constructor(ranges: IdRanges) {
    this.#ranges = ranges
  }

  /**
   * undefined where containers can have no user namespace: an old kernel, or a file system that cannot map owners.
   * @throws EngineError `broken` there, if the host's is denied
   */
  static async open({ root, name, ids: span, deny }: EngineConfig): Promise<Ids | undefined> {
    const ids = new Ids(await IdRanges.open(root, name, span))
    const obstacle = await ids.#maps.obstacle(await ids.of('containers'), root)
    if (!obstacle) return ids
    const why = `containers cannot have user namespaces here: ${messageOf(obstacle)}, for files below ${root}`
    if (deny?.hostUserns)
      throw new EngineError(
        'broken',
        `${why}, and --deny-host-userns refuses the host's; mapping owners takes Linux 5.19`,
      )
    console.error(`${why}. Root in a container is root on this host.`)
    return undefined
  }

  /** The range of an owner. @param names that containers ask for ranges by. @throws EngineError `full` */
  of(owner: IdOwner, names?: () => ReadonlySet<string>): Promise<IdRange> {
    return this.#ranges.of(owner, names)
  }

  /** What it takes to mount files for a user namespace. */
  async owners({ first }: IdRange): Promise<MappedOwners> {
    return { range: { first }, map: await this.#maps.of({ first }) }
  }
}

/** What it takes to mount files for `users`. */
export const ownersOf = (ids: Ids | undefined, users: UserNamespace): Promise<MappedOwners | undefined> =>
  users === 'host' || ids === undefined ? Promise.resolve(undefined) : ids.owners(users)
