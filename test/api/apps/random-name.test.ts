import { expect } from 'chai'
import { randomName } from '../../../src/api/apps/random-name.js'
import { appName } from '../../../src/store/apps.js'

describe('a name for an app that nobody named', () => {
  it('is a name that an app may have, and another each time', () => {
    const names = Array.from({ length: 50 }, randomName)
    for (const name of names) {
      expect(name).to.match(/^[a-z]+-[a-z]+-[1-9]\d{3}$/)
      expect(appName.test(name), name).to.equal(true)
    }
    expect(new Set(names).size).to.be.greaterThan(45)
  })
})
