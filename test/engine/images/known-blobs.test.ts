import { expect } from 'chai'
import { join } from 'node:path'
import { KnownBlobs } from '../../../src/engine/images/known-blobs.js'
import { temporary } from './lab.js'

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`

describe('the knownBlobs of layers', () => {
  it('are remembered, the latest first, until the layer is gone', async () => {
    using lab = temporary()
    const path = join(lab.path, 'travels.json')
    const knownBlobs = await KnownBlobs.open(path, () => true)
    const travel = { diffId: digest('a'), digest: digest('1'), size: 5, compression: 'gzip' as const }
    knownBlobs.note(travel, 'host:1/one')
    knownBlobs.note({ ...travel, digest: digest('2'), compression: 'zstd' }, 'host:1/two')
    knownBlobs.note(travel, 'host:1/three')
    knownBlobs.note({ ...travel, diffId: digest('b') }, 'host:1/one')
    await knownBlobs.save()
    const again = await KnownBlobs.open(path, (diffId) => diffId === digest('a'))
    expect(again.of(digest('a'))).to.deep.equal([
      { ...travel, repositories: ['host:1/three', 'host:1/one'] },
      { ...travel, digest: digest('2'), compression: 'zstd', repositories: ['host:1/two'] },
    ])
    expect(again.of(digest('b'))).to.deep.equal([])
  })

  it('do not grow without end', async () => {
    using lab = temporary()
    const knownBlobs = await KnownBlobs.open(join(lab.path, 'travels.json'), () => true)
    for (const letter of '0123456789abc')
      for (let i = 0; i < 30; i++)
        knownBlobs.note({ diffId: digest('a'), digest: digest(letter), size: 1, compression: 'gzip' }, `host/r${i}`)
    expect(knownBlobs.of(digest('a'))).to.have.length(8)
    expect(knownBlobs.of(digest('a'))[0]?.repositories).to.have.length(8)
  })
})
