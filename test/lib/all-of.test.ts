import { expect } from 'chai'
import { allOf } from '../../src/lib/all-of.js'

describe('all of several promises', () => {
  it('are what they come to, in their order', async () => {
    const slow = Promise.withResolvers<string>()
    const all = allOf([slow.promise, Promise.resolve(2), 'three'])
    slow.resolve('one')
    expect(await all).to.deep.equal(['one', 2, 'three'])
  })

  it('fail with the first of them, when all are over', async () => {
    const [first, second] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()]
    const told: string[] = []
    const all = allOf([first.promise, second.promise]).catch((error: unknown) => told.push((error as Error).message))
    second.reject(new Error('second'))
    await new Promise((resolve) => setImmediate(resolve))
    expect(told).to.deep.equal([])
    first.reject(new Error('first'))
    await all
    expect(told).to.deep.equal(['first'])
  })
})
