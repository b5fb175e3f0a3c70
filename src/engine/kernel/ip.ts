import { isIPv6 } from 'node:net'

export type Family = 4 | 6

/** An IP network: `address` is its first, as a number. */
export interface Subnet {
  readonly family: Family
  readonly address: bigint
  readonly prefix: number
}

const bits = { 4: 32, 6: 128 } as const

/** The family an address, or a network, is written in; whether it is one at all is another question. */
export const familyOf = (text: string): Family => (text.includes(':') ? 6 : 4)

/** An address as a number; undefined when it is none. */
export const parseAddress = (text: string): bigint | undefined =>
  familyOf(text) === 4 ? parse4(text) : isIPv6(text) ? parse6(text) : undefined

/** Leading zeros are refused: some read them as octal. */
function parse4(text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined
  return parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n)
}

function parse6(text: string): bigint | undefined {
  if (text.includes('%')) return undefined // a zone is an interface of ours, not part of an address
  const dotted = /^(.*:)([\d.]+)$/.exec(text)
  const low = dotted?.[2]?.includes('.') ? parse4(dotted[2]) : undefined
  const plain =
    low === undefined ? text : `${dotted?.[1] ?? ''}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`
  const [front = '', back] = plain.split('::')
  const words = (part: string): string[] => part.split(':').filter((word) => word !== '')
  const [head, tail] = [words(front), words(back ?? '')]
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0')
  return [...head, ...(back === undefined ? [] : zeros), ...tail].reduce(
    (sum, w) => (sum << 16n) | BigInt(`0x${w}`),
    0n,
  )
}

export function formatAddress(value: bigint, family: Family = 4): string {
  if (family === 6) return format6(value)
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.')
}

/** RFC 5952: lower case, the longest run of zeros left out. */
function format6(value: bigint): string {
  const words = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16))
  const runs = words
    .map((_, i) => words.slice(i).findIndex((word) => word !== '0'))
    .map((n, i) => (n === -1 ? 8 - i : n))
  const longest = Math.max(...runs)
  if (longest < 2) return words.join(':')
  const at = runs.indexOf(longest)
  return `${words.slice(0, at).join(':')}::${words.slice(at + longest).join(':')}`
}

/** The four or sixteen bytes of an address, network order. */
export function addressBytes(address: string): Buffer {
  const digits = bits[familyOf(address)] / 4
  return Buffer.from((parseAddress(address) ?? 0n).toString(16).padStart(digits, '0'), 'hex')
}

/** How many addresses a network of this prefix length has. */
export const sizeOf = ({ family, prefix }: Pick<Subnet, 'family' | 'prefix'>): bigint =>
  1n << BigInt(bits[family] - prefix)

/** Reads `10.87.3.0/24`; the host part is cleared. Undefined when it is no CIDR. */
export function parseSubnet(text: string): Subnet | undefined {
  const [ip = '', length = '', ...rest] = text.split('/')
  const family = familyOf(ip)
  const address = parseAddress(ip)
  if (address === undefined || rest.length > 0 || !/^\d{1,3}$/.test(length)) return undefined
  const prefix = Number(length)
  if (prefix > bits[family]) return undefined
  return { family, address: address - (address % sizeOf({ family, prefix })), prefix }
}

export const formatSubnet = ({ family, address, prefix }: Subnet): string =>
  `${formatAddress(address, family)}/${prefix}`

export const contains = (subnet: Subnet, address: bigint): boolean =>
  address >= subnet.address && address < subnet.address + sizeOf(subnet)

export const overlaps = (a: Subnet, b: Subnet): boolean =>
  a.family === b.family && (contains(a, b.address) || contains(b, a.address))

/** The networks of `prefix` that a pool is cut into, lowest first. */
export function* cut(pool: Subnet, prefix: number): Generator<Subnet> {
  const { family } = pool
  const step = sizeOf({ family, prefix })
  for (let address = pool.address; address < pool.address + sizeOf(pool); address += step)
    yield { family, address, prefix }
}
