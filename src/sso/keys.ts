import { createPrivateKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { orMissing } from '../lib/missing.js'

/** ms that keys are used for new things; what they were used for before is good for one such time more, which no session outlasts. */
export const keyPeriod = 30 * 86_400_000

/** ms before a file that was not there is looked for again: another router may have made it. */
const rest = 1_000

/** What one period's things are made with. */
export interface PeriodKeys {
  readonly period: number
  /** What sessions are sealed by. */
  readonly seal: Buffer
  /** What identities are signed with (ES256). */
  readonly sign: KeyObject
}

const isThere = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'EEXIST'

/**
 * The keys of an instance: made by the first that needs them, kept in files, so that every router has the same. A period's file is made
 * once, whoever else makes it at the same moment; its name says which period, so that no clock has to be believed for more than that.
 */
export class SsoKeys {
  readonly #folder: string
  readonly #now: () => number
  readonly #known = new Map<number, PeriodKeys>()
  /** Periods whose file was not there, and when: whoever names one has us look at the disk. */
  readonly #missing = new Map<number, number>()

  /** @param root of this Berth @param now ms since the epoch */
  constructor(root: string, now: () => number = Date.now) {
    this.#folder = join(root, 'router', 'sso')
    this.#now = now
  }

  /** Those that new things are made with. @throws where they can be neither read nor made */
  current(): PeriodKeys {
    const period = this.#period()
    return this.#find(period) ?? this.#make(period)
  }

  /** Those of a period; undefined for one that is over, or has not come, or has none. */
  of(period: number): PeriodKeys | undefined {
    const now = this.#period()
    // a clock that was set back a little leaves those who came before it in
    return period === now || period === now - 1 || period === now + 1 ? this.#find(period) : undefined
  }

  /** Those that something is good by now. */
  all(): PeriodKeys[] {
    const current = this.current()
    const before = this.of(current.period - 1)
    return before ? [current, before] : [current]
  }

  #period(): number {
    return Math.floor(this.#now() / keyPeriod)
  }

  #file(period: number): string {
    return join(this.#folder, `${String(period)}.json`)
  }

  #find(period: number): PeriodKeys | undefined {
    const known = this.#known.get(period)
    if (known || Math.abs(this.#now() - (this.#missing.get(period) ?? -Infinity)) < rest) return known
    let text
    try {
      text = readFileSync(this.#file(period), 'utf8')
    } catch (error) {
      orMissing(undefined)(error)
      this.#missing.set(period, this.#now())
      return undefined
    }
    const { seal, sign } = JSON.parse(text) as { seal: string; sign: string }
    const keys = { period, seal: Buffer.from(seal, 'base64url'), sign: createPrivateKey(sign) }
    if (keys.seal.length !== 32) throw new Error(`${this.#file(period)} holds no key`)
    this.#known.set(period, keys)
    return keys
  }

  #make(period: number): PeriodKeys {
    const { privateKey: sign } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    })
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    const draft = join(this.#folder, `${randomBytes(8).toString('hex')}.new`)
    writeFileSync(draft, JSON.stringify({ seal: randomBytes(32).toString('base64url'), sign }), {
      mode: 0o600,
      flush: true,
    })
    try {
      linkSync(draft, this.#file(period))
    } catch (error) {
      if (!isThere(error)) throw error
    } finally {
      rmSync(draft, { force: true })
    }
    this.#missing.delete(period)
    this.#sweep(period)
    const made = this.#find(period)
    if (!made) throw new Error(`${this.#file(period)} was made and is gone`)
    return made
  }

  #sweep(period: number): void {
    for (const name of readdirSync(this.#folder)) {
      const [, of] = /^(\d+)\.json$/.exec(name) ?? []
      if (of === undefined || Number(of) >= period - 1) continue
      this.#known.delete(Number(of))
      this.#missing.delete(Number(of))
      rmSync(join(this.#folder, name), { force: true })
    }
  }
}
