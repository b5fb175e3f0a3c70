import { expect } from 'chai'
import { seedOf } from '../e2e/crash/random.js'
import { type CrashRig, openRig } from '../e2e/crash/rig.js'

const kills = Number(process.env.BERTH_TEST_KILLS ?? 200)
const longestMs = 4000
/** Kills to one that is a power cut, after which every byte is read. */
const powerEvery = Number(process.env.BERTH_TEST_POWER ?? 4)

describe(`an engine that is killed ${kills} times`, function () {
  if (process.getuid?.() !== 0) return
  const seed = seedOf()
  let rig: CrashRig
  before(async () => (rig = await openRig(seed)))
  after(() => rig[Symbol.asyncDispose]())

  it(`keeps what it answered for, and nothing by halves (BERTH_TEST_SEED=${seed})`, async () => {
    console.log(`      BERTH_TEST_SEED=${seed}`)
    const wrong: string[] = []
    for (let kill = 1; kill <= kills; kill++) {
      const death = kill % powerEvery === 0 ? 'power' : 'daemon'
      const found = await rig.round(death, longestMs)
      if (death === 'power' || kill === kills) found.push(...(await rig.verify()))
      for (const line of found) console.log(`      kill ${kill}: ${line}`)
      wrong.push(...found)
    }
    console.log(`      ${kills} kills, ${rig.done} steps answered`)
    expect(wrong).to.deep.equal([])
  })
})
