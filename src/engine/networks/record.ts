import { mkdir, readdir, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { syncDirectory, writeDurably } from '../system/durable.js'

/** A network as stored, one JSON file each. */
export interface NetworkRecord {
  /** 64 hex */
  readonly id: string
  readonly name: string
  /** RFC 3339 */
  readonly created: string
  readonly driver: 'bridge' | 'host' | 'null'
  /** No way out and no way in but from the host. */
  readonly internal: boolean
  readonly attachable: boolean
  /** CIDR; '' for host and none. */
  readonly subnet: string
  readonly gateway: string
  /** CIDR that addresses are given from; absent is the whole subnet. */
  readonly range?: string
  readonly mtu: number
  readonly labels: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
}

/** The stored networks. What is not JSON is not a network: a half-written file never gets its final name. */
export class NetworkRecords {
  readonly #directory: string
  constructor(directory: string) {
    this.#directory = directory
  }

  async load(): Promise<readonly NetworkRecord[]> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    const files = (await readdir(this.#directory)).filter((file) => /^[0-9a-f]{64}\.json$/.test(file))
    return Promise.all(
      files.map(async (file) => JSON.parse(await readFile(join(this.#directory, file), 'utf8')) as NetworkRecord),
    )
  }

  async save(record: NetworkRecord): Promise<void> {
    await writeDurably(this.#file(record.id), JSON.stringify(record))
  }

  async remove(id: string): Promise<void> {
    await unlink(this.#file(id))
    await syncDirectory(this.#directory)
  }

  #file(id: string): string {
    return join(this.#directory, `${id}.json`)
  }
}
