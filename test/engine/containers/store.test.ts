import { link, mkdtemp, readdir, readFile, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { ContainerRecord } from '../../../src/engine/containers/record.js'
import { ContainerStore } from '../../../src/engine/containers/store.js'

describe('the records of containers', () => {
  const id = '0'.repeat(64)
  let root: string
  const at = (name: string): string => join(root, 'containers', id, name)
  const called = (name: string): ContainerRecord => ({ id, name }) as ContainerRecord
  const tear = (): Promise<void> => truncate(at('container.json'))
  const load = async (): Promise<{ store: ContainerStore; records: ContainerRecord[] }> => {
    const store = new ContainerStore(root)
    return { store, records: await store.load() }
  }
  beforeEach(async () => (root = await mkdtemp(join(tmpdir(), 'berth-containers-'))))
  afterEach(() => rm(root, { recursive: true }))

  it('are what was synced last when a power cut has torn what was noted since', async () => {
    const { store } = await load()
    await store.prepare(id)
    await store.create(called('synced'))
    for (const name of ['noted', 'noted again']) await store.note(called(name))
    expect((await load()).records).to.deep.equal([called('noted again')])
    await tear()
    const again = await load()
    expect(again.records).to.deep.equal([called('synced')])
    expect(JSON.parse(await readFile(at('container.json'), 'utf8'))).to.deep.equal(called('synced'))
    await again.store.note(called('noted'))
    await tear()
    expect((await load()).records).to.deep.equal([called('synced')])
  })

  it('are not what was synced before', async () => {
    const { store } = await load()
    await store.prepare(id)
    await store.create(called('first'))
    await store.note(called('noted'))
    await link(at('container.json.synced'), at('kept'))
    await store.save(called('second'))
    // its removal need not have come to the disk
    await link(at('kept'), at('container.json.synced'))
    const again = await load()
    await again.store.note(called('noted'))
    await tear()
    expect((await load()).records).to.deep.equal([called('second')])
  })

  it('leave nothing of their own beside them', async () => {
    const { store } = await load()
    await store.prepare(id)
    await store.create(called('one'))
    await store.note(called('one'))
    await store.save(called('one'))
    expect(await readdir(at(''))).to.have.members(['container.json', 'upper', 'work'])
  })
})
