import { expect } from 'chai'
import { jsonLines } from '../../src/engine-client/json-lines.js'
import { all, failure } from './rig.js'

// eslint-disable-next-line @typescript-eslint/require-await -- a stream without an event
async function* inPieces(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

describe('messages, one a line', () => {
  for (const size of [1, 2, 7, 1000])
    it(`are read in pieces of ${size}, a character or a line end among them`, async () => {
      const text = '{"a":"é𝒳"}\r\n\n  \n[1]\n"last"'
      expect(await all(jsonLines(inPieces(text, size)))).to.deep.equal([{ a: 'é𝒳' }, [1], 'last'])
    })

  it('are none of nothing', async () => expect(await all(jsonLines(inPieces('', 1)))).to.deep.equal([]))

  it('come before what is wrong after them', async () => {
    const seen: unknown[] = []
    const read = async () => {
      for await (const message of jsonLines(inPieces('{"a":1}\n{"a":2\n{"a":3}\n', 5))) seen.push(message)
    }
    expect(await failure(read())).to.be.instanceOf(SyntaxError)
    expect(seen).to.deep.equal([{ a: 1 }])
  })

  it('that never end are given up, not kept', async () => {
    async function* endless(): AsyncGenerator<string> {
      yield '"'
      for (let i = 0; i < 20; i += 1) yield await Promise.resolve('x'.repeat(1024 * 1024))
      yield '"\n'
    }
    expect(await failure(all(jsonLines(endless())))).to.be.instanceOf(SyntaxError)
  })
})
