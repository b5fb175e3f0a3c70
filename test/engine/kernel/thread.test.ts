import { expect } from 'chai'
import type { ArchiveMessage } from '../../../src/engine/archives/thread.js'
import { Thread } from '../../../src/engine/kernel/thread.js'

describe('a thread', () => {
  const entry = new URL('../../../src/engine/archives/thread.js', import.meta.url)

  it('obeys what it was told before it ends, even where it has not begun', async () => {
    const thread = new Thread<ArchiveMessage>(entry)
    const told = thread.post({ kind: 'stat', path: '/' })
    await thread.end()
    expect(await told).to.include({ name: '/' })
    expect(thread.dead).to.equal(true)
    await thread.end()
    expect(await thread.post({ kind: 'next' }).catch(String)).to.include('a worker thread has ended')
  })

  it('ends although it could not begin', async () => {
    const thread = new Thread(new URL('../images/nothing.js', entry))
    const told = thread.post('anything').catch(String)
    await thread.end()
    expect(await told).to.include('nothing')
  })
})
