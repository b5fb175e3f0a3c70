import { expect } from 'chai'
import { Pace } from '../../src/scheduler/pace.js'
import { SimulatedClock } from './simulated-clock.js'

describe('a pace', () => {
  let clock: SimulatedClock
  let pace: Pace
  beforeEach(() => {
    clock = new SimulatedClock()
    pace = new Pace(clock)
  })

  /** Turns taken, each after its wait, within `ms`. */
  const turns = (ms: number): number => {
    for (let [count, end] = [0, clock.now() + ms]; ; count += 1) {
      clock.step(pace.take('a'))
      if (clock.now() > end) return count
    }
  }

  it('is none at first, and four turns a second in the long run', () => {
    for (let turn = 0; turn < 60; turn += 1) expect(pace.take('a')).to.equal(0)
    expect(pace.take('a')).to.equal(250)
    expect(pace.take('a')).to.equal(500)
    clock.step(1_000)
    expect(turns(100_000)).to.be.within(395, 405)
  })

  it('gives back what was not used, and no more than that', () => {
    turns(60_000)
    clock.step(24 * 3_600_000)
    for (let turn = 0; turn < 60; turn += 1) expect(pace.take('a')).to.equal(0)
    expect(pace.take('a')).to.be.greaterThan(0)
  })

  it('is of each by itself, until that is forgotten', () => {
    for (let turn = 0; turn < 70; turn += 1) pace.take('a')
    expect(pace.take('b')).to.equal(0)
    pace.forget('a')
    expect(pace.take('a')).to.equal(0)
  })

  it('survives a clock that is set back', () => {
    for (let turn = 0; turn < 61; turn += 1) pace.take('a')
    clock.step(-3_600_000)
    expect(pace.take('a')).to.be.within(0, 1_000)
    clock.step(10_000)
    expect(pace.take('a')).to.equal(0)
  })
})
