import { expect } from 'chai'
import { mayMove, type ProcessState } from '../../src/scheduler/lifecycle.js'

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
    for (const to of states.filter((state) => state !== from)) {
      const allowed = legal.has(`${from} ${to}`)
      it(`${allowed ? 'goes' : 'does not go'} from ${from} to ${to}`, () => expect(mayMove(from, to)).to.equal(allowed))
    }

  it('may stay what it is', () => {
    for (const state of states) expect(mayMove(state, state)).to.equal(true)
  })
})
