import { expect } from 'chai'
import { engineBack } from '../../src/engine-client/back.js'

describe('an engine that is to come back', () => {
  it('is asked until it answers', async () => {
    const answers = [false, false, true]
    let asked = 0
    await engineBack({ answers: () => Promise.resolve(answers[asked++] ?? false) })
    expect(asked).to.equal(3)
  })

  it('is not waited for when nobody wants to know any more', async () => {
    const stop = new AbortController()
    const waiting = engineBack({ answers: () => Promise.resolve(false) }, stop.signal)
    stop.abort()
    const error = await waiting.catch((one: unknown) => one)
    expect((error as Error).name).to.equal('AbortError')
  })
})
