import { expect } from 'chai'
import { anonymous, askerOf, demand, holderOf, may, type Permission } from '../../src/access/caller.js'
import type { App } from '../../src/store/apps.js'

const app: App = { id: 'a', name: 'blog', createdAt: '', deployBranch: null, current: 1 }
const ada = holderOf({ id: '123456789abc', name: 'ada', createdAt: '', expiresAt: null })
const all: Permission[] = ['view', 'deploy', 'operate', 'manage', 'create', 'admin']

describe('a caller', () => {
  it('with a token may do everything, to every app and to Berth', () => {
    for (const permission of all)
      for (const on of [app, null]) expect(may(ada, permission, on), permission).to.equal(true)
  })

  it('that nobody knows may do nothing', () => {
    for (const permission of all)
      for (const on of [app, null]) expect(may(anonymous, permission, on), permission).to.equal(false)
  })

  it('is refused in words: who, on which app, and what it takes', () => {
    expect(() => demand(anonymous, 'manage', app))
      .to.throw('nobody may not do this to blog')
      .with.property('hint', 'it needs the permission to manage')
    expect(() => demand(anonymous, 'admin', null))
      .to.throw('nobody may not do this')
      .with.property('fault', 'denied')
    expect(() => demand(ada, 'admin', null)).to.not.throw()
  })

  it('may have each permission by its role on the app alone', () => {
    const guest = { ...anonymous, roleOn: (on: App | null) => (on?.id === 'a' ? ('admin' as const) : null) }
    expect(may(guest, 'deploy', app)).to.equal(true)
    expect(may(guest, 'deploy', { ...app, id: 'b' })).to.equal(false)
    expect(may(guest, 'create', null)).to.equal(false)
  })

  it('is remembered by the id and the name of its token, never by the token', () => {
    expect(askerOf(ada)).to.deep.equal({ token: '123456789abc', name: 'ada' })
    expect(askerOf(anonymous)).to.equal(null)
  })
})
