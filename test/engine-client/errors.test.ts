import { expect } from 'chai'
import { BerthError } from '../../src/errors.js'
import { EngineRefusal, isAway, refusalStatus, translated, unlessRefused } from '../../src/engine-client/errors.js'
import { failure } from './rig.js'

const fromDockerode = (statusCode: unknown, message: string): Error => Object.assign(new Error(message), { statusCode })

describe('an engine that says no', () => {
  for (const [said, words] of [
    ['(HTTP code 404) no such container - No such container: x', 'No such container: x'],
    ['(HTTP code 409) conflict - a-b is in use - by c', 'a-b is in use - by c'],
    ['(HTTP code 500) server error - two\nlines\n', 'two\nlines'],
    ['without any of it', 'without any of it'],
  ] as const)
    it(`is heard in its own words: ${JSON.stringify(words)}`, () => {
      const error = fromDockerode(409, said)
      expect(translated(error))
        .to.be.instanceOf(EngineRefusal)
        .and.include({ statusCode: 409, message: words, cause: error })
    })

  it('is told from what else goes wrong', () => {
    const away = Object.assign(new Error('connect'), { code: 'ENOENT' })
    expect(translated(away)).to.equal(away)
    expect(translated(fromDockerode('404', 'x'))).to.not.be.instanceOf(EngineRefusal)
    expect(translated('only words')).to.be.instanceOf(Error).and.include({ message: 'only words' })
    expect([refusalStatus(away), refusalStatus(new EngineRefusal(409, ''))]).to.deep.equal([undefined, 409])
  })

  it('is no answer where that was expected, and only there', async () => {
    const refused = (status: number) => Promise.reject(new EngineRefusal(status, 'no'))
    expect(await unlessRefused(refused(404), 304, 404)).to.equal(null)
    expect(await unlessRefused(Promise.resolve('yes'), 404)).to.equal('yes')
    expect(await failure(unlessRefused(refused(500), 304, 404))).to.include({ statusCode: 500 })
    expect(await failure(unlessRefused(Promise.reject(new Error('gone')), 404))).to.include({ message: 'gone' })
  })

  it('is not away, whatever it says', () => {
    expect(isAway(fromDockerode(500, '(HTTP code 500) server error - the registry: socket hang up'))).to.equal(false)
    expect(isAway(new EngineRefusal(500, 'socket hang up'))).to.equal(false)
    expect(isAway(new BerthError('invalid', 'no'))).to.equal(false)
  })
})

describe('an engine that is away', () => {
  for (const code of ['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EAGAIN'])
    it(`is so by ${code}`, () => expect(isAway(Object.assign(new Error('x'), { code }))).to.equal(true))

  it('is so when it hangs up, and not for reasons of ours', () => {
    expect(isAway(new Error('socket hang up'))).to.equal(true)
    for (const code of ['EACCES', 'EMFILE', 'ABORT_ERR'])
      expect(isAway(Object.assign(new Error('x'), { code })), code).to.equal(false)
    expect(isAway(null)).to.equal(false)
  })
})
