import type { PlaneCertificate, PluginLog } from 'berth/plugin'
import { listIn } from './answers.js'
import { files } from './configuration.js'
import { pemOf, type HaproxyDirectory } from './directory.js'
import type { Runtime } from './runtime.js'

/** The certificates that HAProxy has, and for which names. What changes is seen by the next handshake. */
export class ListedCertificates {
  readonly #directory: HaproxyDirectory
  readonly #runtime: Runtime
  readonly #log: PluginLog
  /** Path of each -> its names. */
  #listed = new Map<string, string>()
  #synced: readonly PlaneCertificate[] | undefined
  /** Path of each -> chain and key. */
  #contents = new Map<string, string>()

  constructor(directory: HaproxyDirectory, runtime: Runtime, log: PluginLog) {
    this.#directory = directory
    this.#runtime = runtime
    this.#log = log
  }

  /** Reads which there are. HAProxy tells no key: files are written after it has been told. @throws where HAProxy is away */
  async learn(): Promise<void> {
    const path = (name: string): string => this.#directory.path(name)
    this.#listed = listIn(await this.#runtime.ask(`show ssl crt-list -n ${path(files.list)}`))
    this.#listed.delete(path(files.fallback))
    this.#synced = undefined
    this.#contents = new Map()
    for (const file of this.#listed.keys())
      this.#contents.set(file, (await this.#directory.read(file.slice(path('').length))) ?? '')
  }

  /** Has HAProxy show these, and no others. @throws where HAProxy is away */
  async sync(certificates: readonly PlaneCertificate[]): Promise<void> {
    if (certificates === this.#synced) return
    const list = this.#directory.path(files.list)
    const wanted = new Map(certificates.map((one) => [this.#directory.certificate(one), one]))
    for (const [path, one] of wanted) await this.#show(list, path, one)
    this.#synced = certificates
    for (const path of [...this.#listed.keys()].filter((known) => !wanted.has(known))) {
      await this.#runtime.tell([`del ssl crt-list ${list} ${path}`, `del ssl cert ${path}`])
      this.#listed.delete(path)
      this.#contents.delete(path)
    }
  }

  async #show(list: string, path: string, one: PlaneCertificate): Promise<void> {
    const names = one.hosts.join(' ')
    const content = pemOf(one)
    const isKnown = this.#listed.has(path)
    if (!isKnown) await this.#runtime.ask(`new ssl cert ${path}`)
    if (this.#contents.get(path) !== content && !(await this.#set(path, content))) return
    if (this.#listed.get(path) === names) return
    if (isKnown) await this.#runtime.ask(`del ssl crt-list ${list} ${path}`)
    await this.#runtime.give(`add ssl crt-list ${list}`, `${path} ${names}`)
    this.#listed.set(path, names)
  }

  async #set(path: string, content: string): Promise<boolean> {
    const set = await this.#runtime.give(`set ssl cert ${path}`, content)
    const done = /Transaction/.test(set) ? await this.#runtime.ask(`commit ssl cert ${path}`) : set
    if (/Success/.test(done)) {
      this.#contents.set(path, content)
      return true
    }
    this.#log.error(`HAProxy does not take a certificate: ${done.trim().slice(0, 300)}`)
    return false
  }
}
