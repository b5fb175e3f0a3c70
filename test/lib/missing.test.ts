import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { BerthError } from '../../src/errors.js'
import { isMissing, orMissing, readIfThere } from '../../src/lib/missing.js'

const failed = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => new Error('nothing failed'),
    (error: unknown) => error as Error,
  )

describe('what is missing', () => {
  it('is a file that is not there, and text of a file that is', async () => {
    expect(await readIfThere('/nowhere/at/all')).to.equal(null)
    expect(await readIfThere(join(import.meta.filename, 'below'))).to.equal(null)
    expect(await readIfThere(import.meta.filename)).to.include('text of a file that is')
  })

  it('is not a file that cannot be read', async () => {
    const error = await failed(readIfThere(tmpdir()))
    expect(error).to.have.property('code', 'EISDIR')
    expect(await failed(Promise.reject(error).catch(orMissing(null)))).to.equal(error)
  })

  it('is what an engine, a process table or our own record has not', async () => {
    const gone = [
      Object.assign(new Error('no such container'), { statusCode: 404 }),
      await failed(readFile('/proc/4194305/stat')),
      Object.assign(new Error('no such process'), { code: 'ESRCH' }),
      new BerthError('missing', 'no release v9'),
    ]
    for (const error of gone) expect(await Promise.reject(error).catch(orMissing('instead'))).to.equal('instead')
  })

  it('is never what is asked of somebody who is away', async () => {
    const dial = connect(join(tmpdir(), 'no-such.sock'))
    const [nobody] = (await once(dial, 'error')) as [unknown]
    expect(nobody).to.have.property('code', 'ENOENT')
    for (const error of [
      new Error('Connection is closed.'),
      new BerthError('unavailable', 'the container engine does not answer'),
      Object.assign(new Error('conflict'), { statusCode: 409 }),
      Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }),
      nobody,
      undefined,
      null,
    ])
      expect(isMissing(error)).to.equal(false)
  })
})
