import { expect } from 'chai'
import { flush, packetAt, pkt } from '../../src/git/pkt-line.js'

describe('a packet line', () => {
  it('has its length in front, itself included', () => {
    expect(pkt('hello\n').toString()).to.equal('000ahello\n')
    expect(pkt('').toString()).to.equal('0004')
    expect(pkt(Buffer.from([0, 255])).equals(Buffer.from('0006\0\xff', 'latin1'))).to.equal(true)
    expect(pkt('ü').length, 'bytes, not characters').to.equal(6)
  })

  it('is no longer than git reads', () => {
    expect(pkt('x'.repeat(65_516)).toString('latin1', 0, 4)).to.equal('fff0')
    expect(() => pkt('x'.repeat(65_517))).to.throw(RangeError)
  })

  it('is read back where it stands, and so is a flush', () => {
    const bytes = Buffer.concat([pkt('one'), flush, pkt('two')])
    const first = packetAt(bytes, 0)
    expect(first?.payload?.toString()).to.equal('one')
    const second = packetAt(bytes, first?.next ?? -1)
    expect(second).to.deep.equal({ payload: null, next: 11 })
    const third = packetAt(bytes, second?.next ?? -1)
    expect([third?.payload?.toString(), third?.next]).to.deep.equal(['two', bytes.length])
    expect(packetAt(bytes, bytes.length)).to.equal(null)
  })

  it('is waited for while part of it is missing, however it is cut', () => {
    const bytes = pkt('hello')
    for (let length = 0; length < bytes.length; length += 1)
      expect(packetAt(bytes.subarray(0, length), 0), String(length)).to.equal(null)
  })

  it('is refused when its length is none', () => {
    for (const bad of ['zzzz', '0001', '0003', '-001', '00 5', '0x05'])
      expect(() => packetAt(Buffer.from(`${bad}rest`), 0), bad).to.throw(RangeError)
    expect(packetAt(Buffer.from('000Ahello\n'), 0)?.payload?.toString(), 'either case').to.equal('hello\n')
  })
})
