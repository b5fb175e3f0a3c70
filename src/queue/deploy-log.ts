import { mkdir, open, type FileHandle } from 'node:fs/promises'
import type { Config } from '../config.js'
import { messageOf } from '../errors.js'
import type { Store } from '../store/store.js'
import { deployFiles, deploysDirectory } from './files.js'

/** Names whose values are nobody's business, whoever prints them. */
const secretName = /KEY|SECRET|TOKEN|PASS|PWD|CREDENTIAL|PRIVATE|DSN|_UR[IL]$/i
const shortestSecret = 6
/** The only control characters a log line may hold. */
const printable = ['\n', '\t', '\u001b']

/** The values of config vars that must not be written to a log. */
export const secretsOf = (config: Readonly<Record<string, string>>): string[] =>
  Object.entries(config)
    .filter(([name, value]) => secretName.test(name) && value.length >= shortestSecret)
    .map(([, value]) => value)

/** Writes the log of one deploy: lines are appended in order, and whoever follows it is woken. */
export class DeployLog {
  readonly #file: FileHandle
  readonly #store: Store
  readonly #id: string
  readonly #secrets: readonly string[]
  #waiting = ''
  #writing: Promise<void> | null = null

  private constructor(file: FileHandle, store: Store, id: string, secrets: readonly string[]) {
    this.#file = file
    this.#store = store
    this.#id = id
    this.#secrets = secrets
  }

  static async open(config: Config, store: Store, id: string, secrets: readonly string[] = []): Promise<DeployLog> {
    await mkdir(deploysDirectory(config), { recursive: true, mode: 0o750 })
    return new DeployLog(await open(deployFiles(config, id).log, 'a', 0o640), store, id, secrets)
  }

  /** One line or several; control characters but tab and colour codes do not get in. */
  line(text: string): void {
    let safe = text.replace(/\r\n?/g, '\n').replace(/\p{Cc}/gu, (code) => (printable.includes(code) ? code : ''))
    for (const secret of this.#secrets) safe = safe.replaceAll(secret, '[secret]')
    this.#waiting += `${safe}\n`
    this.#writing ??= this.#flush()
  }

  /** `-----> …` */
  step(text: string): void {
    this.line(`-----> ${text}`)
  }

  /** Under a step. */
  detail(text: string): void {
    this.line(text.replace(/^/gm, '       '))
  }

  /** What went wrong, as Heroku marks it. */
  problem(text: string): void {
    this.line(text.replace(/^/gm, ' !     '))
  }

  /** Resolves when everything is in the file. A full disk loses the log, not the deploy. */
  async close(): Promise<void> {
    while (this.#writing) await this.#writing
    await this.#file.close()
  }

  async #flush(): Promise<void> {
    await Promise.resolve() // lines of one turn go out together
    while (this.#waiting !== '') {
      const text = this.#waiting
      this.#waiting = ''
      try {
        await this.#file.appendFile(text)
        await this.#store.redis.publish(`deploy:${this.#id}`, 'log')
      } catch (error) {
        process.emitWarning(`log of deploy ${this.#id}: ${messageOf(error)}`)
      }
    }
    this.#writing = null
  }
}
