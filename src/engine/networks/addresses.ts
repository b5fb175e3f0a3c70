import { EngineError } from '../errors.js'
import { contains, familyOf, formatAddress, parseAddress, sizeOf, type Subnet } from '../kernel/ip.js'

/**
 * The addresses of one network. It gives them in turn rather than lowest first: an address just freed is the last to be
 * given again, so that nothing still pointing at it reaches a stranger.
 */
export class Addresses {
  readonly #subnet: Subnet
  readonly #range: Subnet
  readonly #taken = new Set<bigint>()
  #next: bigint

  /**
   * @param reserved what nobody is given: the gateway, and what others have
   * @param range the part of the subnet that is given to those who ask for none
   */
  constructor(subnet: Subnet, reserved: readonly string[], range: Subnet = subnet) {
    this.#subnet = subnet
    this.#range = range
    this.#next = range.address
    for (const address of reserved) this.#taken.add(parseAddress(address) ?? 0n)
    this.#taken.add(subnet.address)
    if (subnet.family === 4) this.#taken.add(subnet.address + sizeOf(subnet) - 1n)
  }

  /** Reserves a free address, or the one asked for. @throws EngineError `invalid`, `denied` or `full` in dockerd's words */
  take(wanted?: string): string {
    return wanted === undefined ? this.#takeNext() : this.#takeThis(wanted)
  }

  give(address: string): void {
    const value = parseAddress(address)
    if (value !== undefined && familyOf(address) === this.#subnet.family) this.#taken.delete(value)
  }

  #takeThis(wanted: string): string {
    const { family } = this.#subnet
    const value = familyOf(wanted) === family ? parseAddress(wanted) : undefined
    if (value === undefined) throw new EngineError('invalid', `invalid IPv${family} address: ${wanted}`)
    if (!contains(this.#subnet, value))
      throw new EngineError('invalid', 'no configured subnet contains IP address ' + wanted)
    if (this.#taken.has(value)) throw new EngineError('denied', 'Address already in use')
    this.#taken.add(value)
    return formatAddress(value, family)
  }

  #takeNext(): string {
    const size = sizeOf(this.#range)
    for (let tries = 0; tries < size; tries++) {
      const value = this.#next
      this.#next = this.#range.address + ((value + 1n - this.#range.address) % size)
      if (this.#taken.has(value)) continue
      this.#taken.add(value)
      return formatAddress(value, this.#subnet.family)
    }
    throw new EngineError('denied', `no available IPv${this.#subnet.family} addresses on this network’s address pools`)
  }
}
