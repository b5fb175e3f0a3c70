import { expect } from 'chai'
import { bits, element, oid, sequence } from '../../src/lib/der.js'

describe('DER', () => {
  const hex = (bytes: Buffer): string => bytes.toString('hex')

  it('says a length in as few bytes as there can be', () => {
    const headOf = (length: number): string =>
      hex(element(0x04, Buffer.alloc(length)).subarray(0, -length || undefined))
    expect([0, 1, 127, 128, 255, 256, 4096].map(headOf)).to.deep.equal([
      ...['0400', '0401', '047f', '048180', '0481ff', '04820100', '04821000'],
    ])
  })

  it('puts elements together', () => {
    expect(hex(sequence(oid('550403'), bits(Buffer.from([0xa5]))))).to.equal('30090603550403030200a5')
  })
})
