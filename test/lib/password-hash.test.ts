import { expect } from 'chai'
import { hashPassword, isPassword } from '../../src/lib/password-hash.js'

describe('what a password is checked by', () => {
  it('lets that password in and no other, and never shows it', async () => {
    const [one, two] = await Promise.all([hashPassword('correct höрse'), hashPassword('correct höрse')])
    expect(one)
      .to.match(/^scrypt:[\w-]{22}:[\w-]{43}$/)
      .and.to.not.equal(two)
    expect(await isPassword('correct höрse', one)).to.equal(true)
    expect(await isPassword('correct horse', one)).to.equal(false)
    expect(await isPassword('', one)).to.equal(false)
  })

  for (const hash of ['', 'scrypt:', 'scrypt:::', 'plain', 'scrypt:AAAA:AAAA', 'scrypt:AAAA:'])
    it(`lets nobody in by "${hash}"`, async () => {
      expect(await isPassword('', hash)).to.equal(false)
      expect(await isPassword('plain', hash)).to.equal(false)
    })
})
