import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { isFault } from '../../../src/engine/errors.js'
import { demandRoom, diskFile, limitedMount, makeDisk, parseSize } from '../../../src/engine/volumes/limited.js'

describe('a volume of a size', () => {
  for (const [text, bytes] of [
    ['5g', 5 * 2 ** 30],
    ['512M', 2 ** 29],
    ['1.5GiB', 1.5 * 2 ** 30],
    ['20000 kb', 20_000 * 1024],
    ['16777216', 2 ** 24],
  ] as const)
    it(`is ${text}`, () => expect(parseSize('data', text)).to.equal(bytes))

  for (const text of ['', 'much', '-5g', '5x', '1e9', '9999999999t', '16m; rm', '1m'])
    it(`is not ${JSON.stringify(text)}`, () => {
      try {
        parseSize('data', text)
        expect.fail('it was taken')
      } catch (error) {
        expect(isFault(error, 'invalid'), String(error)).to.equal(true)
      }
    })

  it('is refused where it would take what is kept free', () => {
    expect(() => demandRoom('data', 2 ** 24, tmpdir(), 1)).to.not.throw()
    expect(() => demandRoom('data', 2 ** 60, tmpdir(), 1)).to.throw('no space left on device')
  })

  it('takes all its blocks at once', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'berth-limited-'))
    try {
      await makeDisk(directory, 2 ** 24)
      const { size, blocks } = await stat(join(directory, diskFile))
      expect(size).to.equal(2 ** 24)
      expect(blocks * 512).to.be.at.least(2 ** 24)
      expect(limitedMount(join(directory, '_data'))).to.include({ type: 'ext4', device: join(directory, diskFile) })
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})
