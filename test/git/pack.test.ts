import { expect } from 'chai'
import { checkedPack } from '../../src/git/pack.js'
import { failure } from './bare.js'

describe('a pack on its way to git', () => {
  const memory = 512 * 1000
  const header = (objects: number, magic = 'PACK') => {
    const bytes = Buffer.from(`${magic}\0\0\0\x02\0\0\0\0`, 'latin1')
    bytes.writeUInt32BE(objects, 8)
    return bytes
  }
  /** What of it is passed on, in pieces of `size`. */
  const passed = async (bytes: Buffer, size: number): Promise<Buffer> => {
    // eslint-disable-next-line @typescript-eslint/require-await -- a body that is all there
    async function* pieces(): AsyncGenerator<Buffer> {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
    }
    const all: Buffer[] = []
    for await (const piece of checkedPack(pieces(), memory)) all.push(piece)
    return Buffer.concat(all)
  }

  for (const size of [1, 5, 12, 100])
    it(`goes on as it is, in pieces of ${String(size)}`, async () => {
      const bytes = Buffer.concat([header(1000), Buffer.from('objects\0\xff')])
      expect((await passed(bytes, size)).equals(bytes)).to.equal(true)
    })

  it('goes on where it is too short to be one, or something else: git says what is wrong', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('PACK'), header(4_000_000_000, 'KCAP')])
      expect((await passed(bytes, 3)).equals(bytes)).to.equal(true)
  })

  for (const size of [1, 11, 50])
    it(`of more objects than there is memory for is refused before a byte of it, in pieces of ${String(size)}`, async () => {
      let before = 0
      const bytes = Buffer.concat([header(1001), Buffer.alloc(100)])
      async function* pieces(): AsyncGenerator<Buffer> {
        for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size))
      }
      const read = async () => {
        for await (const piece of checkedPack(pieces(), memory)) before += piece.length
      }
      expect(await failure(read())).to.include({ fault: 'large' })
      expect(before).to.equal(0)
    })
})
