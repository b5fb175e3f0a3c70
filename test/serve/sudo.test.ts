import { userInfo } from 'node:os'
import { expect } from 'chai'
import { sharesHome, sudoer } from '../../src/serve/sudo.js'

describe('who ran sudo', () => {
  before(function () {
    if (process.getuid?.() !== 0) this.skip()
  })

  it('is found by their number, in the group that sudo says', async () => {
    const daemon = await sudoer({ SUDO_UID: '1', SUDO_GID: '7' })
    expect(daemon).to.include({ name: 'daemon', uid: 1, gid: 7 })
    expect(await sudoer({ SUDO_UID: '1' })).to.include({ uid: 1, gid: 1 })
    expect(await sudoer({ SUDO_UID: '1', SUDO_GID: '-1' })).to.include({ gid: 1 })
  })

  for (const uid of ['0', '', 'root', '-1', '1;id', '1 ', '0x1', '99999999999', '4294967290'])
    it(`is nobody by ${JSON.stringify(uid)}`, async () => expect(await sudoer({ SUDO_UID: uid })).to.equal(null))

  it('is nobody where sudo was not run', async () => expect(await sudoer({ SUDO_GID: '1' })).to.equal(null))

  it('shares root’s home, or has one', () => {
    const person = { name: 'x', uid: 1, gid: 1, home: userInfo().homedir }
    expect(sharesHome({ ...person, home: '/nowhere' })).to.equal(false)
    expect(sharesHome({ ...person, home: process.env.HOME ?? person.home })).to.equal(true)
  })
})
