import { EventEmitter, once } from 'node:events'
import { expect } from 'chai'
import { Turns } from '../../src/scheduler/turns.js'

describe('turns', () => {
  it('let one process of an app be replaced at a time, and none while the app is changed', async () => {
    const turns = new Turns()
    const first = new EventEmitter()
    const healed = turns.heal('a', () => once(first, 'up'))
    expect(await turns.heal('a', () => Promise.resolve())).to.match(/another process of the app/)
    expect(await turns.heal('b', () => Promise.resolve())).to.equal(null)
    first.emit('up')
    expect(await healed).to.equal(null)
    const inChange = await turns.change('a', () => turns.heal('a', () => Promise.resolve()))
    expect(inChange).to.equal('something else changes the app')
    expect(await turns.heal('a', () => Promise.reject(new Error('it does not come up')))).to.equal(
      'it does not come up',
    )
  })

  it('have a replacement end before a change begins', async () => {
    const turns = new Turns()
    const order: string[] = []
    const healed = turns.heal('a', async (signal) => {
      await once(signal, 'abort')
      order.push('undone')
      throw new Error('aborted')
    })
    await turns.change('a', () => Promise.resolve(order.push('changed')))
    expect(order).to.deep.equal(['undone', 'changed'])
    expect(await healed).to.equal('aborted')
  })
})
