import { expect } from 'chai'
import { systemClock } from '../../src/scheduler/clock.js'

describe('the clock of the system', () => {
  it('says what time it is, and calls in the order of the waits what is not called off', async () => {
    const before = Date.now()
    const called: string[] = []
    await new Promise<void>((resolve) => {
      systemClock.after(20, () => {
        called.push('late')
        resolve()
      })
      systemClock.after(5, () => called.push('early'))
      const callOff = systemClock.after(5, () => called.push('never'))
      callOff()
      callOff()
    })
    expect(called).to.deep.equal(['early', 'late'])
    expect(systemClock.now()).to.be.within(before, Date.now())
  })
})
