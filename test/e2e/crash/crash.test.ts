import { expect } from 'chai'
import { oracle } from '../engine/harness.js'
import { seedOf } from './random.js'
import { type CrashRig, openRig } from './rig.js'

/** The same for 200 kills is in test/long. */
const kills = 12
const longestMs = 2500

describe('an engine that is killed at any moment', function () {
  if (process.getuid?.() !== 0 || oracle) return
  const seed = seedOf()
  let rig: CrashRig
  before(async () => (rig = await openRig(seed)))
  after(() => rig[Symbol.asyncDispose]())

  it(`keeps what it answered for, and nothing by halves (BERTH_TEST_SEED=${seed})`, async () => {
    for (let kill = 1; kill <= kills; kill++)
      expect(await rig.round(kill % 4 === 0 ? 'power' : 'daemon', longestMs), `kill ${kill}`).to.deep.equal([])
    expect(await rig.verify()).to.deep.equal([])
    expect(rig.done).to.be.greaterThan(0)
  })
})
