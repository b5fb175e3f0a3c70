import { expect } from 'chai'
import { bytesInWords } from '../../src/lib/bytes.js'

describe('bytes in words', () => {
  it('have three digits at most and the unit that fits', () => {
    const said = [0, 1, 1023, 1024, 1536, 102_400, 2 ** 20 - 1, 2 ** 30, 2.5 * 2 ** 40, 5 * 2 ** 50].map(bytesInWords)
    expect(said).to.deep.equal([
      ...['0 bytes', '1 bytes', '1023 bytes', '1.0 KiB', '1.5 KiB', '100 KiB', '1024 KiB', '1.0 GiB', '2.5 TiB'],
      '5120 TiB',
    ])
  })
})
