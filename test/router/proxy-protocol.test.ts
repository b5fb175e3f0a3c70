import { expect } from 'chai'
import { readIntroduction } from '../../src/router/proxy-protocol.js'

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

/** A head of version 2. */
function binary(command: number, kind: number, given: Buffer, size = given.length): Buffer {
  const fixed = Buffer.from([command, kind, size >> 8, size & 255])
  return Buffer.concat([signature, fixed, given])
}

const tlv = (type: number, value: Buffer): Buffer =>
  Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 255]), value])

const four = Buffer.from([192, 0, 2, 1, 198, 51, 100, 7, 0x30, 0x39, 0x01, 0xbb])
const six = Buffer.concat([
  Buffer.from('20010db8000000000000000000000001'.repeat(2), 'hex'),
  Buffer.from([0, 1, 0, 80]),
])
const mapped = Buffer.concat([
  Buffer.from('00000000000000000000ffffc0000201'.repeat(2), 'hex'),
  Buffer.from([0, 1, 0, 80]),
])
const ssl = (client: number): Buffer => tlv(0x20, Buffer.from([client, 0, 0, 0, 0]))

describe('the head of the PROXY protocol', () => {
  const read: [string, Buffer, object][] = [
    [
      'TCP over IPv4',
      Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.7 12345 443\r\n'),
      { address: '192.0.2.1', port: 443 },
    ],
    ['TCP over IPv6', Buffer.from('PROXY TCP6 2001:DB8::1 ::1 1 80\r\n'), { address: '2001:db8::1', port: 80 }],
    [
      'IPv4 written as IPv6',
      Buffer.from('PROXY TCP6 ::ffff:192.0.2.1 ::1 1 80\r\n'),
      { address: '192.0.2.1', port: 80 },
    ],
    ['an unknown client', Buffer.from('PROXY UNKNOWN\r\n'), {}],
    ['an unknown client with words', Buffer.from('PROXY UNKNOWN ffff:: x 1\r\n'), {}],
    ['version 2 over IPv4', binary(0x21, 0x11, four), { address: '192.0.2.1', port: 443, secure: false }],
    ['version 2 over IPv6', binary(0x21, 0x21, six), { address: '2001:db8:0:0:0:0:0:1', port: 80, secure: false }],
    ['version 2 with IPv4 as IPv6', binary(0x21, 0x21, mapped), { address: '192.0.2.1', port: 80, secure: false }],
    ['TLS that was ended', binary(0x21, 0x11, Buffer.concat([four, ssl(1)])), { secure: true }],
    ['TLS that was not', binary(0x21, 0x11, Buffer.concat([four, ssl(0)])), { secure: false }],
    [
      'the name of a handshake',
      binary(0x21, 0x11, Buffer.concat([four, tlv(0x02, Buffer.from('Blog.test')), ssl(1)])),
      { secure: true, name: 'Blog.test' },
    ],
    ['other TLVs', binary(0x21, 0x11, Buffer.concat([four, tlv(0xea, Buffer.alloc(900)), ssl(1)])), { secure: true }],
    ['the proxy itself', binary(0x20, 0x00, Buffer.alloc(0)), {}],
    ['the proxy itself, whatever it says', binary(0x20, 0x11, four), {}],
    ['a unix socket', binary(0x21, 0x31, Buffer.alloc(216)), {}],
    ['a datagram', binary(0x21, 0x12, four), {}],
    ['a family to come', binary(0x21, 0x71, Buffer.alloc(3)), {}],
  ]
  for (const [what, head, found] of read)
    it(`says ${what}, in one piece or byte by byte, and not what follows it`, () => {
      for (let bytes = 0; bytes < head.length; bytes++)
        expect(readIntroduction(head.subarray(0, bytes)), String(bytes)).to.equal('more')
      const introduction = readIntroduction(Buffer.concat([head, Buffer.from('GET / HTTP/1.1\r\n')]))
      expect(introduction).to.include({ length: head.length, ...normal(found) })
      if (!('address' in found) && !('secure' in found)) expect(introduction).to.not.have.property('address')
    })

  const malformed: [string, Buffer][] = [
    ['a request', Buffer.from('GET / HTTP/1.1\r\n')],
    ['a handshake', Buffer.from([22, 3, 1, 2, 0])],
    ['a line that goes on', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(93)}`)],
    ['a line without a port', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.7 1\r\n')],
    ['a line with one too many', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.7 1 2 3\r\n')],
    ['two spaces', Buffer.from('PROXY TCP4  192.0.2.1 198.51.100.7 1 2\r\n')],
    ['a port that is none', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.7 1 65536\r\n')],
    ['an address that is none', Buffer.from('PROXY TCP4 192.0.2.256 198.51.100.7 1 2\r\n')],
    ['an address of three', Buffer.from('PROXY TCP4 192.0.2. 198.51.100.7 1 2\r\n')],
    ['a name', Buffer.from('PROXY TCP6 localhost ::1 1 2\r\n')],
    ['an address with a zone', Buffer.from('PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n')],
    ['a family that is none', Buffer.from('PROXY UDP4 192.0.2.1 198.51.100.7 1 2\r\n')],
    ['a line break alone', Buffer.from(`PROXY UNKNOWN\n${' '.repeat(100)}`)],
    ['version 3', binary(0x31, 0x11, four)],
    ['a command that is none', binary(0x22, 0x11, four)],
    ['too little of addresses', binary(0x21, 0x11, four.subarray(0, 11))],
    ['more than is read', binary(0x21, 0x11, four, 4097)],
    ['a TLV that is cut off', binary(0x21, 0x11, Buffer.concat([four, Buffer.from([1, 0])]))],
    ['a TLV longer than its head', binary(0x21, 0x11, Buffer.concat([four, Buffer.from([1, 0, 9, 1])]))],
  ]
  for (const [what, bytes] of malformed)
    it(`is not ${what}`, () => expect(readIntroduction(bytes)).to.equal('malformed'))
})

/** IPv6 as it is said: one text for one address. */
function normal(found: object): object {
  const { address } = found as { address?: string }
  return address?.includes(':') === true
    ? { ...found, address: new URL(`http://[${address}]`).hostname.slice(1, -1) }
    : found
}
