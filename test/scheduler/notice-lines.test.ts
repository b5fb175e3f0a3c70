import { expect } from 'chai'
import { noticeLines } from '../../src/scheduler/notice-lines.js'
import type { LogQuery } from '../../src/scheduler/scheduler.js'
import type { Notice } from '../../src/store/notices.js'
import type { Store } from '../../src/store/store.js'

/** Notices of one app, as the store has them. */
function app() {
  const all: Notice[] = []
  const hearers = new Set<() => void>()
  const store = {
    notices: { list: (_: string, after = '') => Promise.resolve(all.filter(({ id }) => after === '' || id > after)) },
    notifications: {
      subscribe: (_: string, hear: () => void) => {
        hearers.add(hear)
        return Promise.resolve(() => void hearers.delete(hear))
      },
    },
  } as unknown as Pick<Store, 'notices' | 'notifications'>
  const add = (process: string, text: string): void => {
    all.push({ id: String(all.length), time: '2026-01-01T00:00:00Z', process, text })
    for (const hear of hearers) hear()
  }
  return { store, add, hearers }
}
const query = (lines: number, process: string | null = null) => ({ lines, process }) as LogQuery

describe('lines of what Berth did of its own accord', () => {
  it('are the last ones, of a process, of a type or of all', async () => {
    const { store, add } = app()
    add('web.1', 'a')
    add('worker.1', 'b')
    add('web.2', 'c')
    const texts = async (lines: number, process?: string): Promise<string[]> =>
      (await noticeLines(store, 'id').tail(query(lines, process))).map(({ text }) => text)
    expect(await texts(10)).to.deep.equal(['a', 'b', 'c'])
    expect(await texts(2)).to.deep.equal(['b', 'c'])
    expect(await texts(0)).to.deep.equal([])
    expect(await texts(10, 'web')).to.deep.equal(['a', 'c'])
    expect(await texts(10, 'web.2')).to.deep.equal(['c'])
  })

  it('are followed from there on, each once, until nobody wants more', async () => {
    const { store, add, hearers } = app()
    add('web.1', 'old')
    const stop = new AbortController()
    const lines = noticeLines(store, 'id')
    await lines.open(query(10), stop.signal)
    await lines.tail(query(0))
    const heard: string[] = []
    const all = (async () => {
      for await (const { text } of lines.follow(query(10), stop.signal)) {
        heard.push(text)
        if (text === 'one') add('web.1', 'two')
        else stop.abort()
      }
    })()
    add('web.1', 'one')
    await all
    expect(heard).to.deep.equal(['one', 'two'])
    expect(hearers.size).to.equal(0)
  })
})
