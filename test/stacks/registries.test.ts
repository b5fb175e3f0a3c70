import { expect } from 'chai'
import { authFor, registryAuths, registryOf } from '../../src/stacks/registries.js'
import { storeRig } from '../store/rig.js'
import { Secret } from '../../src/lib/secret.js'
import { maxLogins } from '../../src/store/logins.js'

describe('the registry of an image', () => {
  for (const [image, registry] of [
    ['debian', 'docker.io'],
    ['me/app:1', 'docker.io'],
    ['localhost/app', 'localhost'],
    ['localhost:5000/me/app@sha256:1', 'localhost:5000'],
    ['ghcr.io/me/app', 'ghcr.io'],
    ['app.test', 'docker.io'],
  ] as const)
    it(`${image} is ${registry}`, () => expect(registryOf(image)).to.equal(registry))

  it('is given the password that is kept for it, and no other', async () => {
    await using rig = await storeRig()
    const { registryLogins } = rig.store
    await registryLogins.set({ host: 'docker.io', user: 'ada' }, new Secret('hub'))
    await registryLogins.set({ host: 'reg.test:5000', user: 'bob' }, new Secret('old'))
    await registryLogins.set({ host: 'reg.test:5000', user: 'eve' }, new Secret('new'))
    const auths = await registryAuths(registryLogins)
    expect(authFor('debian', auths)).to.include({ username: 'ada', password: 'hub' })
    expect(authFor('reg.test:5000/x', auths)).to.include({ username: 'eve', password: 'new' })
    expect(authFor('reg.test/x', auths)).to.equal(undefined)
    expect(await registryLogins.list()).to.deep.equal([
      { host: 'docker.io', user: 'ada' },
      { host: 'reg.test:5000', user: 'eve' },
    ])
    expect(await registryLogins.remove('docker.io')).to.deep.equal({ host: 'docker.io', user: 'ada' })
    expect(authFor('debian', await registryAuths(registryLogins))).to.equal(undefined)
    for (let at = 1; at < maxLogins; at += 1)
      await registryLogins.set({ host: `r${String(at)}.test`, user: 'x' }, new Secret('x'))
    const full = await registryLogins
      .set({ host: 'one.more', user: 'x' }, new Secret('x'))
      .catch((error: unknown) => error)
    expect(full).to.include({ fault: 'large' })
    await registryLogins.set({ host: 'r1.test', user: 'y' }, new Secret('y'))
  })
})
