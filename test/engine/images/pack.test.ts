import { expect } from 'chai'
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packLayer, sumLayer } from '../../../src/engine/images/pack.js'
import { temporary } from './lab.js'

describe('packing a layer', () => {
  it('refuses one that is mostly holes at once, and takes one that has some', () => {
    using lab = temporary()
    writeFileSync(join(lab.path, 'some'), 'x')
    truncateSync(join(lab.path, 'some'), 1 << 20)
    expect(sumLayer(lab.path).size).to.equal(1 << 20)
    writeFileSync(join(lab.path, 'sparse'), 'x')
    truncateSync(join(lab.path, 'sparse'), 2 ** 40)
    const began = performance.now()
    for (const pack of [() => sumLayer(lab.path), () => [...packLayer(lab.path, true)]])
      expect(pack).to.throw('"/sparse" is 1099511627776 bytes long, most of it holes: too many')
    expect(performance.now() - began).to.be.lessThan(1_000)
  })
})
