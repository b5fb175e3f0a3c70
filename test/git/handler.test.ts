import { expect } from 'chai'
import { gitRig, type GitRig } from './rig.js'

describe('the guard of git', function () {
  this.timeout(20_000)
  let rig: GitRig
  before(async () => {
    rig = await gitRig({ settings: { BERTH_PUSH_SIZE: '1' } })
    await rig.app('guarded')
  })
  after(() => rig[Symbol.asyncDispose]())

  const basic = (password: string) => ({ authorization: `Basic ${Buffer.from(`x:${password}`).toString('base64')}` })
  const requests = [
    ['GET', '/guarded.git/info/refs?service=git-receive-pack'],
    ['GET', '/guarded.git/info/refs?service=git-upload-pack'],
    ['POST', '/guarded.git/git-receive-pack'],
    ['POST', '/guarded.git/git-upload-pack'],
  ] as const

  for (const [method, path] of requests)
    for (const [name, headers] of Object.entries({ 'no token': {}, 'a wrong token': basic('berth_wrong') }))
      it(`answers ${method} ${path} with ${name} with 401`, async () => {
        const response = await fetch(rig.url + path, { method, headers, ...(method === 'POST' && { body: '0000' }) })
        expect(response.status).to.equal(401)
        expect(response.headers.get('www-authenticate')).to.match(/^Basic realm=/)
        expect(await response.text()).to.include('a token is needed')
      })

  it('answers a large push’s probe', async () => {
    const path = `${rig.url}/guarded.git/git-receive-pack`
    const response = await fetch(path, { method: 'POST', headers: basic(rig.token), body: '0000' })
    expect([response.status, await response.text()]).to.deep.equal([200, ''])
  })

  it('lets the operation know whose push it is', async () => {
    const app = await rig.app('asked')
    const copy = await rig.clone('asked')
    expect((await copy.git('push', 'berth', 'main')).code).to.equal(0)
    const [operation] = await rig.store.operations.list(app.id)
    expect(operation?.by?.name).to.equal('test')
    expect((await rig.store.tokens.list()).map(({ id }) => id)).to.include(operation?.by?.token)
  })

  it('tells of an app that is not there, so that git shows it', async () => {
    const copy = await rig.clone('absent')
    const push = await copy.git('push', 'berth', 'main')
    expect(push.code).to.equal(128)
    expect(push.stderr).to.include('remote: no app named "absent"')
  })

  for (const path of [
    '/guarded.gitevil/info/refs',
    '/guarded.git/hooks/x/info/refs',
    '/guarded.git/HEAD',
    '/..%2fx.git/info/refs',
    '/api/apps',
  ])
    it(`leaves ${path} to others`, async () => expect((await fetch(rig.url + path)).status).to.equal(418))

  it('takes hooks for hooks only if they know the secret', async () => {
    const response = await fetch(`${rig.url}/internal/pre-receive?repository=x.git&push=1-1`, {
      method: 'POST',
      headers: { 'berth-hook': 'x' },
    })
    expect(response.status).to.equal(403)
  })

  for (const [name, body] of Object.entries({
    rubbish: 'zzzzrubbish',
    'an empty body': '',
    'a bad line': '0009hello0000',
  }))
    it(`survives ${name} for a push`, async () => {
      const path = `${rig.url}/guarded.git/git-receive-pack`
      const response = await fetch(path, { method: 'POST', headers: basic(rig.token), body })
      expect(response.status).to.be.oneOf([200, 400])
    })

  it('refuses a push past the limit in words', async () => {
    const app = await rig.app('large')
    const copy = await rig.clone('large')
    await copy.commit({ 'noise.bin': Array.from({ length: 300_000 }, () => Math.random().toString(36)).join('') })
    const push = await copy.git('push', 'berth', 'main')
    expect(push.code).to.equal(1)
    expect(push.stderr).to.include('the push is larger than 1 MiB').and.to.include('[remote rejected] main -> main')
    expect(await rig.tip(app)).to.equal(null)
  })
})
