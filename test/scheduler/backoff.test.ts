import { expect } from 'chai'
import { countCrash, delayAfter } from '../../src/scheduler/backoff.js'

describe('back-off', () => {
  it('doubles from one second to five minutes', () => {
    const delays = Array.from({ length: 12 }, (_, i) => delayAfter(i + 1) / 1000)
    expect(delays).to.deep.equal([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300])
    expect(delayAfter(100_000)).to.equal(300_000)
  })

  it('begins anew after a minute up', () => {
    expect(countCrash(4, 59_999)).to.equal(5)
    expect(countCrash(4, 60_000)).to.equal(1)
    expect(countCrash(0, 0)).to.equal(1)
  })
})
