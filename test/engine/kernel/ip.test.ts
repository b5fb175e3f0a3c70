import { expect } from 'chai'
import fc from 'fast-check'
import {
  contains,
  cut,
  formatAddress,
  formatSubnet,
  overlaps,
  parseAddress,
  parseSubnet,
  sizeOf,
} from '../../../src/engine/kernel/ip.js'

const subnet = (text: string) => parseSubnet(text) ?? expect.fail(`${text} is no subnet`)

describe('IPv4 addresses', () => {
  it('survive being written and read', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }), (value) => {
        expect(parseAddress(formatAddress(value))).to.equal(value)
      }),
    )
  })

  for (const text of ['', '1.2.3', '1.2.3.4.5', '1.2.3.256', '1.2.3.-4', '01.2.3.4', '1.2.3.4 ', 'a.b.c.d'])
    it(`are not ${JSON.stringify(text)}`, () => expect(parseAddress(text)).to.be.undefined)
})

describe('IPv6 addresses', () => {
  it('survive being written and read, as the kernel writes them', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), (value) => {
        const text = formatAddress(value, 6)
        expect(parseAddress(text)).to.equal(value)
        expect(new URL(`http://[${text}]`).hostname).to.equal(`[${text}]`)
      }),
    )
  })

  it('may end in an IPv4 address', () => expect(parseAddress('::ffff:1.2.3.4')).to.equal(0xffff01020304n))

  for (const text of ['1::2::3', 'fd00:', 'fd00::%eth0', '12345::', 'g::'])
    it(`are not ${text}`, () => expect(parseAddress(text)).to.be.undefined)
})

describe('IP subnets', () => {
  it('lose their host part', () => expect(formatSubnet(subnet('10.87.3.77/24'))).to.equal('10.87.3.0/24'))

  for (const text of ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/x', '10.0.0.0/8/8', '/8', 'fd00::/129', 'fd00::%eth0/64'])
    it(`are not ${text}`, () => expect(parseSubnet(text)).to.be.undefined)

  it('overlap exactly when they share an address', () => {
    const any = fc.record({ address: fc.nat({ max: 255 }), prefix: fc.integer({ min: 24, max: 32 }) })
    fc.assert(
      fc.property(any, any, (x, y) => {
        const a = subnet(`10.0.0.${x.address}/${x.prefix}`)
        const b = subnet(`10.0.0.${y.address}/${y.prefix}`)
        const shared = Array.from({ length: Number(sizeOf(a)) }, (_, i) => contains(b, a.address + BigInt(i))).some(
          Boolean,
        )
        expect(overlaps(a, b)).to.equal(shared)
      }),
    )
  })

  it('are cut from a pool without gap or overlap', () => {
    const pieces = [...cut(subnet('10.87.0.0/16'), 24)].map(formatSubnet)
    expect(pieces).to.have.lengthOf(256)
    expect(pieces[0]).to.equal('10.87.0.0/24')
    expect(pieces[255]).to.equal('10.87.255.0/24')
    expect(new Set(pieces)).to.have.lengthOf(256)
  })
})
