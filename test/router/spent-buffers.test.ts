import { expect } from 'chai'
import { collectGarbage } from '../../src/lib/collect.js'
import { countSpent } from '../../src/router/spent-buffers.js'

describe('buffers that were passed on', () => {
  it('are collected before many have come together', () => {
    collectGarbage({ type: 'major', execution: 'sync' })
    const before = process.memoryUsage().arrayBuffers
    let most = 0
    for (let i = 0; i < 8000; i++) {
      countSpent(Buffer.alloc(65_536).length)
      if (i % 16 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    }
    expect(most / 2 ** 20, 'MiB').to.be.lessThan(20)
  })
})
