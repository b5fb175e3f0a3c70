import { expect } from 'chai'
import { maskedLog } from '../../../src/api/processes/masking.js'
import type { LogLineView } from '../../../src/api/contract.js'
import { openRig, type Rig } from '../rig.js'

describe("an app's log", function () {
  this.timeout(10_000)
  let rig: Rig
  before(async () => {
    rig = await openRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  it('has neither the secrets of what runs, nor those of the release that is about to', async () => {
    const app = await rig.pushed('masked')
    const current = await rig.store.releases.current(app)
    await rig.store.releases.put({ ...current, config: { API_KEY: 'key-of-now', TITLE: 'a title' } })
    await rig.store.releases.put({
      ...{ ...current, version: 3, config: { FONTS: 'of-builds-alone', TITLE: 'a title' } },
      reach: { FONTS: 'build' },
    })
    const lines = ['a title', 'key-of-now and of-builds-alone', 'c'].map((text): LogLineView => ({
      text,
      time: '2026-11-30T00:00:00Z',
      source: 'app',
      process: 'web.1',
    }))
    async function* log(): AsyncGenerator<LogLineView> {
      yield* lines
      await Promise.resolve()
    }
    const shown = (await Array.fromAsync(maskedLog(rig.store, app, log()))).map(({ text }) => text)
    expect(shown).to.deep.equal(['a title', '[secret] and [secret]', 'c'])
  })
})
