import { expect } from 'chai'
import { KnownDigests } from '../../../src/engine/build/known-digests.js'

const sources = { layers: ['/layers/a', '/layers/b'], patterns: ['/app'] }

describe('digests of what is copied out of stages', () => {
  it('are read once for the same layers and selection', async () => {
    const known = new KnownDigests()
    expect(await known.of(sources, () => Promise.resolve('one'))).to.equal('one')
    const again = { ...sources, exclude: [], parents: false }
    expect(await known.of(again, () => Promise.reject(new Error('read again')))).to.equal('one')
  })

  it('are others for other layers, another order of them, and other files of them', async () => {
    const known = new KnownDigests()
    await known.of(sources, () => Promise.resolve('one'))
    const others = [
      { ...sources, layers: ['/layers/a'] },
      { ...sources, layers: ['/layers/b', '/layers/a'] },
      { ...sources, patterns: ['/app', '/srv'] },
      { ...sources, exclude: ['*.log'] },
      { ...sources, parents: true },
    ]
    for (const [index, other] of others.entries())
      expect(await known.of(other, () => Promise.resolve(String(index)))).to.equal(String(index))
    expect(await known.of(sources, () => Promise.resolve('two'))).to.equal('one')
  })

  it('are read again after a reading that failed', async () => {
    const known = new KnownDigests()
    const failure = await known.of(sources, () => Promise.reject(new Error('no such file'))).catch(String)
    expect(failure).to.include('no such file')
    expect(await known.of(sources, () => Promise.resolve('one'))).to.equal('one')
  })

  it('are forgotten when there are too many, those used longest ago first', async () => {
    const known = new KnownDigests()
    const layer = (index: number) => ({ ...sources, layers: [String(index)] })
    for (let index = 0; index < 2000; index++) await known.of(layer(index), () => Promise.resolve('first'))
    await known.of(layer(0), () => Promise.resolve('unused'))
    await known.of(layer(2000), () => Promise.resolve('first'))
    expect(await known.of(layer(0), () => Promise.resolve('again'))).to.equal('first')
    expect(await known.of(layer(1), () => Promise.resolve('again'))).to.equal('again')
  })
})
