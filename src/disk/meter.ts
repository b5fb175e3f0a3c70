import { BerthError } from '../errors.js'
import { bytesInWords } from '../lib/bytes.js'
import type { App } from '../store/apps.js'
import { measureDisk, totalOf, type AccountDeps, type DiskAccount } from './account.js'

/** What was measured so many ms ago still says whether there is room for more. */
const fresh = 30_000

/** Bytes that an app may have on the disk; undefined: what the disk has. */
export const limitOf = (app: Pick<App, 'diskLimit'>, usual: number | undefined): number | undefined =>
  app.diskLimit === undefined ? usual : app.diskLimit === 0 ? undefined : app.diskLimit

/** Measures the disk when it is asked to, once for all who ask meanwhile, and refuses what an app has no room for. */
export class DiskMeter {
  readonly #deps: () => Promise<AccountDeps>
  readonly #usual: number | undefined
  #measured: { readonly account: Promise<DiskAccount>; at: number } | undefined

  /** @param usual bytes that an app may have unless it is said of itself */
  constructor(deps: () => Promise<AccountDeps>, usual: number | undefined) {
    this.#deps = deps
    this.#usual = usual
  }

  /** @param old what was measured fewer ms ago will do, and one under way always does; default 0 @throws BerthError `unavailable` while the engine is away */
  measure(old = 0): Promise<DiskAccount> {
    if (this.#measured && Date.now() - this.#measured.at < old) return this.#measured.account
    const measured = { account: this.#deps().then(measureDisk), at: Infinity }
    this.#measured = measured
    measured.account.then(
      () => (measured.at = Date.now()),
      () => {
        if (this.#measured === measured) this.#measured = undefined
      },
    )
    return measured.account
  }

  /** Bytes that an app may have. */
  limitOf(app: App): number | undefined {
    return limitOf(app, this.#usual)
  }

  /** Bytes that an app may still take, as they were half a minute ago at most; Infinity for one without a limit. */
  async roomOf(app: App): Promise<number> {
    const limit = this.limitOf(app)
    if (limit === undefined) return Infinity
    const room = ({ apps }: DiskAccount): number => {
      const disk = apps.get(app.id)
      return limit - (disk ? totalOf(disk) : 0)
    }
    const known = room(await this.measure(fresh))
    // something may have been removed since
    return known > 0 ? known : room(await this.measure())
  }

  /** @throws BerthError `large` for an app that has no room for so many bytes more */
  async demandRoom(app: App, bytes = 1): Promise<void> {
    const room = await this.roomOf(app)
    if (room < bytes) throw this.refusalOf(app, room, bytes)
  }

  /** What is said to who would have an app take so many bytes, where it has room for fewer. */
  refusalOf(app: App, room: number, bytes: number): BerthError {
    const limit = this.limitOf(app) ?? 0
    const wants = bytes > 1 ? `, and this takes ${bytesInWords(bytes)}` : ''
    return new BerthError(
      'large',
      `${app.name} may have ${bytesInWords(limit)} on the disk and has ${bytesInWords(limit - room)}${wants}`,
      `\`berth disk -a ${app.name}\` shows what takes it; an administrator may raise the limit by \`berth disk:limit\``,
    )
  }
}
