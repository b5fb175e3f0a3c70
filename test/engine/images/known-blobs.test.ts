import { expect } from 'chai'
import { join } from 'node:path'
import { Travels } from '../../../src/engine/images/known-blobs.js'
import { temporary } from './lab.js'

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`

describe('the travels of layers', () => {
  it('are remembered, the latest first, until the layer is gone', async () => {
    using lab = temporary()
    const path = join(lab.path, 'travels.json')
    const travels = await Travels.open(path, () => true)
    const travel = { diffId: digest('a'), digest: digest('1'), size: 5, compression: 'gzip' as const }
    travels.note(travel, 'host:1/one')
    travels.note({ ...travel, digest: digest('2'), compression: 'zstd' }, 'host:1/two')
    travels.note(travel, 'host:1/three')
    travels.note({ ...travel, diffId: digest('b') }, 'host:1/one')
    await travels.save()
    const again = await Travels.open(path, (diffId) => diffId === digest('a'))
    expect(again.of(digest('a'))).to.deep.equal([
      { ...travel, repositories: ['host:1/three', 'host:1/one'] },
      { ...travel, digest: digest('2'), compression: 'zstd', repositories: ['host:1/two'] },
    ])
    expect(again.of(digest('b'))).to.deep.equal([])
  })

  it('do not grow without end', async () => {
    using lab = temporary()
    const travels = await Travels.open(join(lab.path, 'travels.json'), () => true)
    for (const letter of '0123456789abc')
      for (let i = 0; i < 30; i++)
        travels.note({ diffId: digest('a'), digest: digest(letter), size: 1, compression: 'gzip' }, `host/r${i}`)
    expect(travels.of(digest('a'))).to.have.length(8)
    expect(travels.of(digest('a'))[0]?.repositories).to.have.length(8)
  })
})
