/** An IPv4 network: `address` is its first, as a number. */
export interface Subnet {
  readonly address: number
  readonly prefix: number
}

/** The four bytes of a dotted address, network order. */
export function bytesOf(address: string): Buffer {
  const out = Buffer.alloc(4)
  out.writeUInt32BE(parseAddress(address) ?? 0)
  return out
}

/** A dotted address as a number; undefined when it is none. Leading zeros are refused: some read them as octal. */
export function parseAddress(text: string): number | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let value = 0
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined
    value = value * 256 + Number(part)
  }
  return value
}

export const formatAddress = (value: number): string =>
  [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.')

/** How many addresses a network of this prefix length has. */
export const sizeOf = (prefix: number): number => 2 ** (32 - prefix)

const network = (address: number, prefix: number): Subnet => ({ address: address - (address % sizeOf(prefix)), prefix })

/** Reads `10.87.3.0/24`; the host part is cleared. Undefined when it is no CIDR. */
export function parseSubnet(text: string): Subnet | undefined {
  const [ip, length, ...rest] = text.split('/')
  const address = parseAddress(ip ?? '')
  if (address === undefined || rest.length > 0 || !/^\d{1,2}$/.test(length ?? '')) return undefined
  const prefix = Number(length)
  return prefix > 32 ? undefined : network(address, prefix)
}

export const formatSubnet = (subnet: Subnet): string => `${formatAddress(subnet.address)}/${subnet.prefix}`

export const contains = (subnet: Subnet, address: number): boolean =>
  address >= subnet.address && address < subnet.address + sizeOf(subnet.prefix)

export const overlaps = (a: Subnet, b: Subnet): boolean => contains(a, b.address) || contains(b, a.address)

/** The networks of `prefix` that a pool is cut into, lowest first. */
export function* cut(pool: Subnet, prefix: number): Generator<Subnet> {
  for (let address = pool.address; address < pool.address + sizeOf(pool.prefix); address += sizeOf(prefix))
    yield { address, prefix }
}
