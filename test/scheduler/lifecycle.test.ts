import { expect } from 'chai'
import { BerthError } from '../../src/errors.js'
import { advance, type ProcessState } from '../../src/scheduler/lifecycle.js'

const states: ProcessState[] = ['starting', 'up', 'draining', 'stopping', 'crashed']
const legal = new Set([
  'starting up',
  'starting crashed',
  'starting stopping',
  'up draining',
  'up stopping',
  'up crashed',
  'draining up',
  'draining stopping',
  'draining crashed',
  'crashed stopping',
])

describe('the life of a process', () => {
  for (const from of states)
    for (const to of states.filter((state) => state !== from))
      if (legal.has(`${from} ${to}`)) it(`goes from ${from} to ${to}`, () => expect(advance(from, to)).to.equal(to))
      else
        it(`refuses to go from ${from} to ${to}, by name`, () =>
          expect(() => advance(from, to)).to.throw(BerthError, `a process that is ${from} cannot become ${to}`))

  it('may stay what it is', () => {
    for (const state of states) expect(advance(state, state)).to.equal(state)
  })
})
