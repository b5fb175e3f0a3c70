import { expect } from 'chai'
import { RateLimit } from '../../src/lib/rate.js'

describe('a rate limit', () => {
  it('lets a burst through, then so many a second, for each key by itself', () => {
    let now = 0
    const limit = new RateLimit(3, 2, () => now)
    const take = (key = 'a'): boolean => limit.take(key)
    expect([take(), take(), take(), take(), take('b')]).to.deep.equal([true, true, true, false, true])
    now += 499
    expect(take()).to.equal(false)
    now += 1
    expect([take(), take()]).to.deep.equal([true, false])
    now += 3_600_000
    expect([take(), take(), take(), take()]).to.deep.equal([true, true, true, false])
  })

  it('forgets those that it has not heard of for long', () => {
    const limit = new RateLimit(1, 0, () => 0)
    expect([limit.take('first'), limit.take('first')]).to.deep.equal([true, false])
    for (let at = 0; at < 10_000; at += 1) limit.take(String(at))
    expect(limit.take('first')).to.equal(true)
  })
})
