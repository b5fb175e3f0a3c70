import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import { Gate } from '../../src/scheduler/gate.js'
import { Mutex } from '../../src/scheduler/mutex.js'

describe('the per-app mutex', () => {
  it('runs tasks of one key in order, one at a time, failures included', async () => {
    const mutex = new Mutex()
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
    const mutex = new Mutex()
    let free: () => void = () => undefined
    const held = mutex.run('a', () => new Promise<void>((resolve) => (free = resolve)))
    expect(await mutex.run('b', () => Promise.resolve('b'))).to.equal('b')
    free()
    await held
  })
})

describe('the gate', () => {
  it('lets so many through at once', async () => {
    const gate = new Gate(2)
    let inside = 0
    let most = 0
    const visit = () =>
      gate.run(async () => {
        most = Math.max(most, ++inside)
        await turn()
        inside--
      })
    await Promise.all([
      visit(),
      visit(),
      visit(),
      gate.run(() => Promise.reject(new Error('no'))).catch(() => undefined),
      visit(),
    ])
    expect(most).to.equal(2)
    await visit()
  })
})
