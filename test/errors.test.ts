import { expect } from 'chai'
import { BerthError, is, messageOf, statusOf } from '../src/errors.js'

describe('errors', () => {
  it('have a fault, a message, a way out and what they came of', () => {
    const cause = new Error('why')
    const error = new BerthError('busy', 'it is taken', 'wait', cause)
    expect([error.fault, error.message, error.hint, error.cause]).to.deep.equal(['busy', 'it is taken', 'wait', cause])
    expect([is(error, 'busy'), is(error, 'broken'), is(cause, 'busy'), is(null, 'busy')]).to.deep.equal([
      ...[true, false, false, false],
    ])
  })

  it('answer each with a status of its own, of a client or a server', () => {
    const statuses = Object.values(statusOf)
    expect(new Set(statuses).size).to.equal(statuses.length)
    expect(statuses.every((status) => status >= 400 && status < 600)).to.equal(true)
  })

  it('have a message whatever was thrown', () => {
    expect([messageOf(new Error('a')), messageOf('b'), messageOf(null)]).to.deep.equal(['a', 'b', 'null'])
  })
})
