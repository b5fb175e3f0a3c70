/** Who a proxy says that a connection comes from: HAProxy's PROXY protocol, versions 1 and 2 (its doc/proxy-protocol.txt). */
export interface Introduction {
  /** Of the client, without a port, IPv4 as IPv4; undefined where the proxy speaks for itself or does not know. */
  readonly address?: string
  /** That the client came to. */
  readonly port?: number
  /** The proxy has ended TLS (version 2, PP2_TYPE_SSL). */
  readonly secure?: boolean
  /** That the client asked the proxy for in its handshake (version 2, PP2_TYPE_AUTHORITY; SNI). */
  readonly name?: string
}

/** The introduction at the start of a connection, and how many bytes it takes. */
export interface IntroductionHead extends Introduction {
  readonly length: number
}

/** The longest line of version 1, with its line break (§2.1). */
const longestLine = 107
/** Bytes of version 2 before addresses. */
const fixedPart = 16
/** Bytes that are read of addresses and TLVs at most: a proxy's certificates of clients do not fit, and nobody sends more else. */
const mostVariable = 4096
const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const word = Buffer.from('PROXY ')
const authorityType = 0x02
const sslType = 0x20
const clientSpokeTls = 0x01

const four = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.|$)){4}(?<!\.)$/
const portNumber = /^(?:0|[1-9]\d{0,4})$/

/** Reads what has come of a head. `more`: it is not whole yet; `malformed`: it never will be one. */
export function readIntroduction(bytes: Buffer): IntroductionHead | 'more' | 'malformed' {
  const start = (whole: Buffer): boolean => whole.subarray(0, bytes.length).equals(bytes.subarray(0, whole.length))
  if (start(signature)) return bytes.length < fixedPart ? 'more' : readBinary(bytes)
  return start(word) ? readLine(bytes) : 'malformed'
}

function readLine(bytes: Buffer): IntroductionHead | 'more' | 'malformed' {
  const end = bytes.subarray(0, longestLine).indexOf('\r\n')
  if (end < 0) return bytes.length < longestLine ? 'more' : 'malformed'
  const length = end + 2
  const line = bytes.toString('latin1', 0, end)
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return { length }
  const [, family, source = '', destination = '', ...ports] = line.split(' ')
  const isAddress = family === 'TCP4' ? isFour : family === 'TCP6' ? isSix : () => false
  const [from = '', to = '', surplus] = ports
  const sound = isAddress(source) && isAddress(destination) && isPort(from) && isPort(to) && surplus === undefined
  return sound ? { length, address: plain(source), port: Number(to) } : 'malformed'
}

const isFour = (text: string): boolean => four.test(text)
/** URL reads IPv6 addresses as the standard says, and knows no zones. */
const isSix = (text: string): boolean => /^[0-9a-f:.]{2,45}$/i.test(text) && URL.canParse(`http://[${text}]`)
const isPort = (text: string): boolean => portNumber.test(text) && Number(text) < 65536

/** An address as one text; IPv4 as IPv4 although it was written as IPv6. */
function plain(address: string): string {
  if (!address.includes(':')) return address
  const six = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(six) ?? []
  if (high === undefined || low === undefined) return six
  const [a, b] = [parseInt(high, 16), parseInt(low, 16)]
  return [a >> 8, a & 255, b >> 8, b & 255].join('.')
}

function readBinary(bytes: Buffer): IntroductionHead | 'more' | 'malformed' {
  const command = bytes.readUInt8(12)
  const kind = bytes.readUInt8(13)
  const size = bytes.readUInt16BE(14)
  if ((command !== 0x20 && command !== 0x21) || size > mostVariable) return 'malformed'
  const length = fixedPart + size
  if (bytes.length < length) return 'more'
  const given = bytes.subarray(fixedPart, length)
  if (command === 0x20) return { length } // LOCAL: the proxy itself, a health check
  // family and transport (§2.2): what is no TCP over IP is to be taken as unknown, with all that it says
  const each = kind === 0x11 ? 4 : kind === 0x21 ? 16 : undefined
  if (each === undefined) return { length }
  const tlvs = 2 * each + 4
  if (given.length < tlvs) return 'malformed'
  const said = readTlvs(given.subarray(tlvs))
  if (said === undefined) return 'malformed'
  return { length, address: addressIn(given.subarray(0, each)), port: given.readUInt16BE(2 * each + 2), ...said }
}

function addressIn(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16))
  return plain(groups.join(':'))
}

/** What is said of TLS between client and proxy; undefined where the TLVs are longer than what holds them. */
function readTlvs(tlvs: Buffer): Pick<Introduction, 'secure' | 'name'> | undefined {
  let secure = false
  let name: string | undefined
  for (let at = 0; at < tlvs.length;) {
    if (tlvs.length - at < 3) return undefined
    const type = tlvs.readUInt8(at)
    const size = tlvs.readUInt16BE(at + 1)
    if (at + 3 + size > tlvs.length) return undefined
    if (type === sslType && size >= 5) secure = (tlvs.readUInt8(at + 3) & clientSpokeTls) !== 0
    if (type === authorityType && size > 0) name = tlvs.toString('latin1', at + 3, at + 3 + size)
    at += 3 + size
  }
  return { secure, ...(name === undefined ? {} : { name }) }
}
