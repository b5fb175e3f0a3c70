import { expect } from 'chai'
import fc from 'fast-check'
import { isZero, maxHeadBytes, parseCommand, readHead } from '../../src/git/commands.js'
import { flush, pkt } from '../../src/git/pkt-line.js'
import { failure } from './bare.js'

const [a, b, none] = ['a'.repeat(40), 'b'.repeat(40), '0'.repeat(40)]

describe('a command of a push', () => {
  it('moves a ref from a commit to another, of either hash', () => {
    expect(parseCommand(`${a} ${b} refs/heads/é/x`)).to.deep.equal({ old: a, new: b, ref: 'refs/heads/é/x' })
    const long = 'c'.repeat(64)
    expect(parseCommand(`${long} ${long} refs/tags/v1`)).to.include({ old: long })
    expect([none, a, '0'.repeat(64), ''].map(isZero)).to.deep.equal([true, false, true, false])
  })

  for (const line of [
    '',
    `${a} ${b}`,
    `${a} ${b} `,
    `${a} ${b} refs/`,
    `${a} ${b} HEAD`,
    `${a} ${b} refs/heads/a b`,
    `${a} ${b} refs/heads/a\nng refs/heads/b`,
    `${a} ${b} refs/heads/a\0b`,
    `${a} ${b} refs/${'x'.repeat(1001)}`,
    `${a.toUpperCase()} ${b} refs/heads/a`,
    `${a}a ${b} refs/heads/a`,
    ` ${a} ${b} refs/heads/a`,
    `${a}  ${b} refs/heads/a`,
  ])
    it(`is not ${JSON.stringify(line.slice(-40))}`, () => {
      expect(() => parseCommand(line))
        .to.throw('not a list of refs')
        .with.property('fault', 'invalid')
    })
})

describe('the head of a push', () => {
  // eslint-disable-next-line @typescript-eslint/require-await -- a body that is all there
  async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  }
  const read = (bytes: Buffer, size = bytes.length || 1) => readHead(pieces(bytes, size))
  const list = (...lines: string[]) => Buffer.concat([...lines.map((line) => pkt(line)), flush])

  it('is read however it is cut, and what is behind it is kept', async () => {
    const head = list(
      `${none} ${a} refs/heads/main\0 report-status side-band-64k agent=é\n`,
      `${a} ${none} refs/heads/x`,
    )
    const rest = Buffer.from('PACK\0\xff')
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: head.length + 8 }), async (size) => {
        const chunks = pieces(Buffer.concat([head, rest]), size)
        const found = await readHead(chunks)
        if (!found) throw new Error('no head')
        expect(found.commands).to.deep.equal([
          { old: none, new: a, ref: 'refs/heads/main' },
          { old: a, new: none, ref: 'refs/heads/x' },
        ])
        expect([...found.capabilities]).to.deep.equal(['report-status', 'side-band-64k', 'agent=é'])
        expect(found.bytes.equals(head)).to.equal(true)
        const left: Buffer[] = [found.rest]
        for await (const chunk of chunks) left.push(chunk)
        expect(Buffer.concat(left).equals(rest)).to.equal(true)
      }),
      { numRuns: 30 },
    )
  })

  it('has push options where the client says so, and all of it goes on to git', async () => {
    const line = (more: string) => `${none} ${a} refs/heads/main\0 report-status${more}\n`
    const with2 = Buffer.concat([list(line(' push-options')), list('no-cache', 'env=A=b c\n')])
    const rest = Buffer.from('PACK')
    for (const size of [1, 7, 1000]) {
      const head = await read(Buffer.concat([with2, rest]), size)
      expect(head?.options).to.deep.equal(['no-cache', 'env=A=b c'])
      expect(head?.bytes.equals(with2)).to.equal(true)
    }
    expect((await read(Buffer.concat([list(line(' push-options')), flush])))?.options).to.deep.equal([])
    expect(await read(list(line(' push-options'))), 'cut off').to.equal(null)
    expect((await read(list(line(''))))?.options).to.deep.equal([])
  })

  it('is none where the client only looks, or leaves', async () => {
    expect(await read(flush)).to.equal(null)
    expect(await read(Buffer.alloc(0))).to.equal(null)
    const head = list(`${none} ${a} refs/heads/main`)
    for (const length of [3, 4, 20, head.length - 4, head.length - 1])
      expect(await read(head.subarray(0, length)), String(length)).to.equal(null)
  })

  it('may say where a shallow history ends', async () => {
    const head = list(`shallow ${a}`, `shallow ${b}`, `${none} ${a} refs/heads/main\0report-status`)
    expect((await read(head))?.commands).to.have.length(1)
    expect(await read(list(`shallow ${a}`))).to.equal(null)
  })

  for (const [what, bytes, fault, words] of [
    ['a ref twice', list(`${none} ${a} refs/heads/m`, `${none} ${b} refs/heads/m`), 'invalid', /refs\/heads\/m twice/],
    ['text', Buffer.from('GET / HTTP/1.1\r\n'), 'invalid', /does not begin with a list of refs/],
    ['a length of three', Buffer.from('0003'), 'invalid', /does not begin with a list of refs/],
    ['a delimiter', Buffer.from('0001'), 'invalid', /does not begin with a list of refs/],
    ['an empty line', Buffer.from('00040000'), 'invalid', /not a list of refs/],
    ['a certificate', list(`push-cert\0report-status`), 'invalid', /not a list of refs/],
    ['no UTF-8', list(`${none} ${a} `).fill(0xff, 8, 12), 'invalid', /not a list of refs/],
  ] as const)
    it(`is refused with ${what} in it`, async () => {
      const error = await failure(read(bytes))
      expect(error).to.include({ fault })
      expect((error as Error).message).to.match(words)
    })

  it('that never ends is refused, and no more of it is read', async () => {
    let sent = 0
    async function* endless(): AsyncGenerator<Buffer> {
      for (let at = 0; ; at += 1) {
        const piece = pkt(`${none} ${a} refs/heads/x${String(at)}`)
        sent += piece.length
        yield await Promise.resolve(piece)
      }
    }
    expect(await failure(readHead(endless()))).to.include({ fault: 'large' })
    expect(sent).to.be.within(maxHeadBytes, 2 * maxHeadBytes)
  })
})
