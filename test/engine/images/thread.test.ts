import { expect } from 'chai'
import type { ArchiveOrder } from '../../../src/engine/archives/thread.js'
import { Thread } from '../../../src/engine/images/thread.js'

describe('a thread', () => {
  const entry = new URL('../../../src/engine/archives/thread.js', import.meta.url)

  it('obeys what it was told before it ends, even where it has not begun', async () => {
    const thread = new Thread<ArchiveOrder>(entry)
    const told = thread.say({ kind: 'stat', path: '/' })
    await thread.end()
    expect(await told).to.include({ name: '/' })
    expect(thread.dead).to.equal(true)
    await thread.end()
    expect(await thread.say({ kind: 'next' }).catch(String)).to.include('a worker thread has ended')
  })

  it('ends although it could not begin', async () => {
    const thread = new Thread(new URL('./nothing.js', entry))
    const told = thread.say('anything').catch(String)
    await thread.end()
    expect(await told).to.include('nothing')
  })
})
