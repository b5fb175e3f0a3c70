import { mkdir, readdir, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { sweepDrafts, syncDirectory, writeDurably } from '../system/durable.js'

/** The addresses of a network in one family. */
export interface Pool {
  /** CIDR; '' for host and none. */
  readonly subnet: string
  readonly gateway: string
  /** CIDR that addresses are given from; absent is the whole subnet. */
  readonly range?: string
  /** Addresses that others have, by a name for each. */
  readonly reserved?: Readonly<Record<string, string>>
  /** Its subnet was asked for, so that containers may ask for their addresses. */
  readonly chosen?: boolean
}

/** A network as stored, one JSON file each; the addresses at its top are IPv4. */
export interface NetworkRecord extends Pool {
  /** 64 hex */
  readonly id: string
  readonly name: string
  /** RFC 3339 */
  readonly created: string
  readonly driver: 'bridge' | 'host' | 'null'
  /** No way out and no way in but from the host. */
  readonly internal: boolean
  readonly attachable: boolean
  readonly ipv6?: Pool
  /** What was asked for of a network that has no IPv6: shown again, and no one has an address of it. */
  readonly idleIpv6?: Pool
  readonly mtu: number
  readonly labels: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
  /** What builds are on that name no network: clients do not see it. */
  readonly builds?: boolean
  /** IPAM options: kept and shown again. */
  readonly ipamOptions?: Readonly<Record<string, string>>
}

/** The stored networks. What is not JSON is not a network: a half-written file never gets its final name. */
export class NetworkRecords {
  readonly #directory: string
  constructor(directory: string) {
    this.#directory = directory
  }

  async load(): Promise<readonly NetworkRecord[]> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    await sweepDrafts(this.#directory)
    const files = (await readdir(this.#directory)).filter((file) => /^[0-9a-f]{64}\.json$/.test(file))
    return (await Promise.all(files.map((file) => this.#read(file)))).filter((record) => record !== undefined)
  }

  async #read(file: string): Promise<NetworkRecord | undefined> {
    try {
      return JSON.parse(await readFile(join(this.#directory, file), 'utf8')) as NetworkRecord
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      console.error(`network ${file.slice(0, 12)} is left out: its record is damaged; see berth engine:check`)
      return undefined
    }
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
