import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { configurationOf, files } from './configuration.js'
import { requestIdMark, type PlaneCertificate, type PlanePlace } from 'berth/plugin'
import { backendsText, mapText, type HaproxyState } from './state.js'

/** The files that HAProxy is started with: whenever it is killed, it comes back with all that it had. */
export class HaproxyDirectory {
  readonly #place: PlanePlace
  readonly #written = new Map<string, string>()
  /** Those that were written last. */
  #certificates: readonly PlaneCertificate[] | undefined

  constructor(place: PlanePlace) {
    this.#place = place
  }

  path(name: string): string {
    return join(this.#place.directory, name)
  }

  /** Path of a certificate's file, its chain and its key. */
  certificate({ id }: Pick<PlaneCertificate, 'id'>): string {
    return this.path(`${files.certificates}/${id}.pem`)
  }

  /** Writes what does not change with apps. @returns whether it has changed */
  async prepare(): Promise<boolean> {
    await mkdir(this.path(files.certificates), { recursive: true, mode: 0o700 })
    const { pages, trustedProxies, fallback } = this.#place
    const pageName = (status: number): string => `${status}.page`
    for (const { status, body } of pages)
      await this.#write(pageName(status), body.replaceAll('%', '%%').replaceAll(requestIdMark, '%[var(txn.id)]'))
    await this.#write(files.fallback, fallback ?? '')
    await this.#write(files.trusted, trustedProxies.map((network) => `${network}\n`).join(''))
    const text = configurationOf(this.#place, (status) => this.path(pageName(status)))
    const before = await this.read(files.configuration)
    await this.#write(files.configuration, text)
    return before !== text
  }

  /** Writes what HAProxy is to have if it is started now. */
  async save(state: HaproxyState, slots: readonly (readonly [app: string, slot: number])[]): Promise<void> {
    if (state.certificates !== this.#certificates) await this.#saveCertificates(state.certificates)
    await this.#write(files.plain, mapText(state.plain))
    await this.#write(files.secure, mapText(state.secure))
    await this.#write(files.state, backendsText(state))
    await this.#write('slots.json', JSON.stringify(Object.fromEntries(slots)))
  }

  async #saveCertificates(certificates: readonly PlaneCertificate[]): Promise<void> {
    for (const one of certificates) await this.#write(`${files.certificates}/${one.id}.pem`, pemOf(one))
    await this.#write(files.list, this.listText(certificates))
    await this.#sweep(certificates)
    this.#certificates = certificates
  }

  /** Which certificate is shown for which names; the first for all others. */
  listText(certificates: readonly PlaneCertificate[]): string {
    const lines = certificates.map((one) => `${this.certificate(one)} ${one.hosts.join(' ')}\n`)
    return `${this.path(files.fallback)}\n${lines.join('')}`
  }

  /** What a file says; null where there is none. */
  async read(name: string): Promise<string | null> {
    try {
      return await readFile(this.path(name), 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
  }

  async #sweep(certificates: readonly PlaneCertificate[]): Promise<void> {
    const known = new Set(certificates.map(({ id }) => `${id}.pem`))
    for (const name of await readdir(this.path(files.certificates)))
      if (!known.has(name)) {
        await rm(this.path(`${files.certificates}/${name}`), { force: true })
        this.#written.delete(`${files.certificates}/${name}`)
      }
  }

  /** Whole or not at all; not where it says that already. */
  async #write(name: string, text: string): Promise<void> {
    if (this.#written.get(name) === text) return
    const path = this.path(name)
    const draft = `${path}.${process.pid}` // a router that leaves may write, too
    await writeFile(draft, text, { mode: 0o600 })
    await rename(draft, path)
    this.#written.set(name, text)
  }
}

/** As HAProxy has a certificate in one file. */
export const pemOf = ({ chain, key }: Pick<PlaneCertificate, 'chain' | 'key'>): string =>
  `${chain.trim()}\n${key.trim()}\n`
