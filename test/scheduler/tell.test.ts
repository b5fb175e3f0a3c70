import { expect } from 'chai'
import { tellTo } from '../../src/scheduler/tell.js'
import type { Logger } from '../../src/log.js'

describe("telling an app's owner", () => {
  it('waits for no log, but ends when all is written', async () => {
    const written: string[] = []
    const gates: (() => void)[] = []
    const notices = {
      add: async (app: string, process: string, text: string) => {
        await new Promise<void>((resolve) => gates.push(resolve))
        written.push(`${app} ${process} ${text}`)
      },
    }
    const owner = tellTo(notices, { warn: () => undefined } as unknown as Logger)
    owner.tell('a', 'web.1', 'one')
    owner.tell('a', 'web.2', 'two')
    let over = false
    const end = owner.ended().then(() => (over = true))
    gates[0]?.()
    await new Promise((resolve) => setImmediate(resolve))
    expect([written, over]).to.deep.equal([['a web.1 one'], false])
    gates[1]?.()
    await end
    expect(written).to.deep.equal(['a web.1 one', 'a web.2 two'])
  })

  it('is for the platform’s log where the store is away', async () => {
    const warned: unknown[] = []
    const log = { warn: (what: unknown, text: string) => warned.push([what, text]) } as unknown as Logger
    const owner = tellTo({ add: () => Promise.reject(new Error('no Redis')) }, log)
    owner.tell('a', 'web.1', 'one')
    await owner.ended()
    expect(warned).to.deep.equal([[{ app: 'a', process: 'web.1', text: 'one' }, 'cannot be told in its log: no Redis']])
  })
})
