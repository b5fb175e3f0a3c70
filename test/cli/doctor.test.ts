import { expect } from 'chai'
import { setCli } from './rig.js'

describe('berth doctor', () => {
  const cli = setCli()
  const { berth, json } = cli

  it('prints what was found with what to do, and ends with 1 where something does not work', async () => {
    const well = await berth(['doctor'])
    expect(well.code, well.stdout).to.equal(0)
    expect(well.stdout).to.match(/^ok +store +Redis /m)
    await cli.api.store.redis.config('SET', 'appendonly', 'no')
    const ill = await berth(['doctor'])
    expect(ill.code).to.equal(1)
    expect(ill.stdout).to.match(
      /^=== Berth \S+\n\nERROR +store +Redis does not write to the disk as it answers\n {20,}see redis\.log/,
    )
    expect(await json(['doctor', '--json'])).to.have.property('findings')
  })
})
