import { EngineError } from '../errors.js'
import { contains, formatAddress, parseAddress, sizeOf, type Subnet } from './ipv4.js'

/**
 * The addresses of one network. It gives them in turn rather than lowest first: an address just freed is the last to be
 * given again, so that nothing still pointing at it reaches a stranger.
 */
export class Addresses {
  readonly #subnet: Subnet
  readonly #range: Subnet
  readonly #taken = new Set<number>()
  #next: number

  /** @param range the part of the subnet that is given to those who ask for none */
  constructor(subnet: Subnet, gateway: string, range: Subnet = subnet) {
    this.#subnet = subnet
    this.#range = range
    this.#next = range.address
    this.#taken.add(parseAddress(gateway) ?? 0)
    if (subnet.prefix < 31) {
      this.#taken.add(subnet.address)
      this.#taken.add(subnet.address + sizeOf(subnet.prefix) - 1)
    }
  }

  /** Reserves a free address, or the one asked for. @throws EngineError `invalid`, `denied` or `full` in dockerd's words */
  take(wanted?: string): string {
    return wanted === undefined ? this.#takeNext() : this.#takeThis(wanted)
  }

  give(address: string): void {
    const value = parseAddress(address)
    if (value !== undefined) this.#taken.delete(value)
  }

  #takeThis(wanted: string): string {
    const value = parseAddress(wanted)
    if (value === undefined) throw new EngineError('invalid', `invalid IPv4 address: ${wanted}`)
    if (!contains(this.#subnet, value))
      throw new EngineError('invalid', 'no configured subnet contains IP address ' + wanted)
    if (this.#taken.has(value)) throw new EngineError('denied', 'Address already in use')
    this.#taken.add(value)
    return wanted
  }

  #takeNext(): string {
    const size = sizeOf(this.#range.prefix)
    for (let tries = 0; tries < size; tries++) {
      const value = this.#next
      this.#next = this.#range.address + ((value + 1 - this.#range.address) % size)
      if (this.#taken.has(value)) continue
      this.#taken.add(value)
      return formatAddress(value)
    }
    throw new EngineError('denied', 'no available IPv4 addresses on this network’s address pools')
  }
}
