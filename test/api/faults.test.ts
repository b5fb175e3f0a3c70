import { expect } from 'chai'
import type { Redis } from 'ioredis'
import { bodyOfFault, statusOfFault, toFault } from '../../src/api/faults.js'
import { BerthError } from '../../src/errors.js'

const redis = (status: string): Redis => ({ status }) as unknown as Redis
const http = (status: number, type?: string, message = 'of the parser'): Error =>
  Object.assign(new Error(message), { status, type })

describe('whatever was thrown', () => {
  const told = (error: unknown, status = 'ready') => {
    const fault = toFault(error, redis(status))
    return [statusOfFault(fault), fault.message]
  }

  it('keeps its meaning where it was meant for a person, Redis there or not', () => {
    const error = new BerthError('conflict', 'the name is taken')
    expect(toFault(error, redis('end'))).to.equal(error)
    expect(bodyOfFault(error)).to.deep.equal({ fault: 'conflict', message: 'the name is taken', hint: null })
  })

  it('is the fault of the request where its parser says so', () => {
    expect(told(http(413, 'entity.too.large'))).to.deep.equal([413, 'the request is larger than 1 MB'])
    expect(told(http(400, 'entity.parse.failed', 'Unexpected token } in {"secret": }'))).to.deep.equal([
      ...[400, 'the request body is not JSON'],
    ])
    expect(told(http(415, 'charset.unsupported', 'unsupported charset "X"'), 'end')).to.deep.equal([
      ...[400, 'unsupported charset "X"'],
    ])
  })

  it('tells nothing of what failed inside, and what to do', () => {
    const inside = new Error('ENOENT: /var/lib/berth/secret')
    for (const error of [inside, http(500), 'a string', undefined, null, { status: 404 }]) {
      expect(told(error)).to.deep.equal([500, 'Berth failed at this request'])
      expect(told(error, 'reconnecting')).to.deep.equal([503, "Berth's store is not answering"])
    }
    expect(JSON.stringify(bodyOfFault(toFault(inside, redis('ready'))))).to.not.include('secret')
    expect(toFault(inside, redis('ready')).cause, 'for the log').to.equal(inside)
  })
})
