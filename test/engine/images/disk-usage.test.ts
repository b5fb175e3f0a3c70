import { expect } from 'chai'
import { linkSync, lstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { diskUsageOf } from '../../../src/engine/images/disk-usage.js'
import { bytesBelow } from '../../../src/engine/system/disk.js'
import { temporary } from './lab.js'

describe('what a layer weighs', () => {
  const make = (root: string, name: string): string => {
    const layer = join(root, name)
    mkdirSync(join(layer, 'd'), { recursive: true })
    writeFileSync(join(layer, 'd/own'), 'x'.repeat(10_000))
    writeFileSync(join(layer, 'd/file'), name.repeat(5_000))
    return layer
  }

  it('is what du counts, a file with two names once', async () => {
    using lab = temporary()
    const layer = make(lab.path, 'one')
    linkSync(join(layer, 'd/file'), join(layer, 'again'))
    const bytes = await bytesBelow(layer)
    expect(diskUsageOf(layer)).to.deep.equal({ share: bytes, own: bytes, common: false })
  })

  it('is, for layers with files in common, all that they take together', async () => {
    using lab = temporary()
    const layers = ['one', 'two', 'three'].map((name) => make(lab.path, name))
    const [one = '', two = '', three = ''] = layers
    for (const other of [two, three]) {
      rmSync(join(other, 'd/file'))
      linkSync(join(one, 'd/file'), join(other, 'd/file'))
    }
    const sum = layers.reduce((total, layer) => total + diskUsageOf(layer).share, 0)
    expect(sum).to.be.closeTo((await bytesBelow(lab.path)) - 3 * lstatSync(one).blocks * 512, 3)
    const common = lstatSync(join(one, 'd/file')).blocks * 512
    expect(diskUsageOf(two).own).to.equal((await bytesBelow(two)) - common)
    expect(diskUsageOf(two).common).to.equal(true)
    rmSync(one, { recursive: true })
    rmSync(three, { recursive: true })
    const left = await bytesBelow(two)
    expect(diskUsageOf(two), 'the last to have it').to.deep.equal({ share: left, own: left, common: false })
  })
})
