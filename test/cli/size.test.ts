import { expect } from 'chai'
import fc from 'fast-check'
import { UsageError } from '../../src/cli/failure.js'
import { parseScale } from '../../src/cli/ps.js'
import { splitTrailingApp } from '../../src/cli/run.js'
import { formatMemory, parseMemory } from '../../src/cli/size.js'

describe('a size', () => {
  it('is read in the units people write', () => {
    expect(['512M', '512m', '512MB', '512MiB', '0.5G', '536870912'].map(parseMemory)).to.deep.equal(
      Array(6).fill(2 ** 29),
    )
  })

  it('that is none is refused', () => {
    for (const text of ['', 'M', '1X', '-1M', '1 G', '1e9', 'lots'])
      expect(() => parseMemory(text), text).to.throw(UsageError)
  })

  it('is read back as it is written', () => {
    fc.assert(fc.property(fc.nat({ max: 2 ** 45 }), (bytes) => parseMemory(formatMemory(bytes)) === bytes))
  })
})

describe('what to scale', () => {
  it('is a quantity, and a size if need be', () => {
    expect(parseScale('web=3')).to.deep.equal(['web', { quantity: 3 }])
    expect(parseScale('web=0:1G:0.5')).to.deep.equal(['web', { quantity: 0, memory: 2 ** 30, cpus: 0.5 }])
    expect(parseScale('web=2::2')).to.deep.equal(['web', { quantity: 2, cpus: 2 }])
  })

  it('that says nothing of the kind is refused', () => {
    for (const word of ['web', 'web=', 'web=-1', '=3', 'web=1.5', 'web=1:x', 'web=1:1G:many'])
      expect(() => parseScale(word), word).to.throw(UsageError)
  })
})

describe('the words after run', () => {
  it('end in -a APP as with every other command', () => {
    expect(splitTrailingApp(['bash', '-a', 'blog'])).to.deep.equal({ command: ['bash'], app: 'blog' })
    expect(splitTrailingApp(['ls', '-l', '--app', 'blog'])).to.deep.equal({ command: ['ls', '-l'], app: 'blog' })
  })

  it('are the command’s own otherwise', () => {
    for (const words of [
      ['ls', '-a'],
      ['ls', '-a', '/tmp'],
      ['ls', '-a', 'x', 'y'],
      ['-a', 'blog'],
    ])
      expect(splitTrailingApp(words)).to.deep.equal({ command: words })
  })
})
