import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import { KeyedMutex } from '../../src/lib/keyed-mutex.js'

describe('a keyed mutex', () => {
  it('runs tasks of one key in order, one at a time, failures included', async () => {
    const mutex = new KeyedMutex()
    const said: string[] = []
    const task =
      (name: string, fail = false) =>
      async () => {
        said.push(`${name} begins`)
        await turn()
        said.push(`${name} ends`)
        if (fail) throw new Error(name)
        return name
      }
    const all = await Promise.allSettled([
      mutex.run('a', task('1', true)),
      mutex.run('a', task('2')),
      mutex.run('a', task('3')),
    ])
    expect(all.map((one) => one.status)).to.deep.equal(['rejected', 'fulfilled', 'fulfilled'])
    expect(said).to.deep.equal(['1 begins', '1 ends', '2 begins', '2 ends', '3 begins', '3 ends'])
  })

  it('does not hold up other keys', async () => {
    const mutex = new KeyedMutex()
    let free: () => void = () => undefined
    const held = mutex.run('a', () => new Promise<void>((resolve) => (free = resolve)))
    expect(await mutex.run('b', () => Promise.resolve('b'))).to.equal('b')
    free()
    await held
  })
})
