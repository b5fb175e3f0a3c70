import { BlockList, isIP } from 'node:net'

/** Whether a text is an address or a CIDR network (RFC 4632), IPv4 or IPv6. */
export function isNetwork(text: string): boolean {
  const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = isIP(address)
  return family !== 0 && !address.includes('%') && Number(prefix ?? 0) <= (family === 4 ? 32 : 128)
}

/** Addresses and CIDR networks, to be asked whether an address is among them. */
export class Networks {
  readonly #known = new BlockList()
  readonly #none: boolean

  constructor(networks: readonly string[]) {
    this.#none = networks.length === 0
    for (const network of networks) {
      const [address = '', prefix] = network.split('/')
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
      if (prefix === undefined) this.#known.addAddress(address, family)
      else this.#known.addSubnet(address, Number(prefix), family)
    }
  }

  has(address: string): boolean {
    return !this.#none && this.#known.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
}
