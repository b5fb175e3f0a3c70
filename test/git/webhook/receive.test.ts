import { createHmac } from 'node:crypto'
import { expect } from 'chai'
import type { App } from '../../../src/store/apps.js'
import type { Webhook } from '../../../src/store/syncs.js'
import { patience } from '../../patience.js'
import { remoteServer, type RemoteServer } from '../remote.js'
import { gitRig, type GitRig } from '../rig.js'

describe('a webhook', function () {
  this.timeout(60_000 * patience)
  let rig: GitRig
  let remote: RemoteServer
  let app: App
  let hook: Webhook
  let visitor = 0
  before(async () => {
    ;[rig, remote] = await Promise.all([gitRig({ settings: { BERTH_GIT_PRIVATE_HOSTS: '127.0.0.1' } }), remoteServer()])
    await remote.commit('site', { a: '1' })
    const { id } = await rig.app('hooked')
    app = await rig.store.apps.update(id, { gitSource: { url: `${remote.url}/site`, ref: 'main' } })
    hook = (await rig.store.webhooks.renew(id)) ?? expect.fail('there is no webhook')
  })
  after(async () => {
    await rig[Symbol.asyncDispose]()
    await remote[Symbol.asyncDispose]()
  })

  interface Sent {
    readonly id?: string
    readonly event?: string
    readonly secret?: string
    readonly from?: string
  }
  /** Sends one as GitHub does. @returns status and answer */
  const send = async (body: string, sent: Sent = {}): Promise<[number, Record<string, string>]> => {
    const {
      id = hook.id,
      event = 'push',
      secret = hook.secret.reveal(),
      from = `10.9.0.${String((visitor += 1))}`,
    } = sent
    const signature = createHmac('sha256', secret).update(body).digest('hex')
    const response = await fetch(`${rig.url}/hooks/${id}`, {
      method: 'POST',
      body,
      headers: { 'X-GitHub-Event': event, 'X-Hub-Signature-256': `sha256=${signature}`, 'X-Forwarded-For': from },
    })
    return [response.status, (await response.json()) as Record<string, string>]
  }
  const push = JSON.stringify({ ref: 'refs/heads/main', after: '1'.repeat(40) })
  const syncs = () => rig.store.syncs(app.id).list()

  it('is answered at once, and what was pushed is deployed', async () => {
    const [status, { operation, app: name }] = await send(push)
    expect([status, name]).to.deep.equal([202, 'hooked'])
    await rig.syncing.settled()
    const [sync] = await syncs()
    expect(sync).to.deep.include({ id: operation, status: 'succeeded', cause: 'GitHub', build: operation, by: null })
  })

  it('has nothing to do for other refs and events, and answers a ping', async () => {
    const before = await syncs()
    for (const [body, event, expected, words] of [
      [JSON.stringify({ ref: 'refs/heads/other' }), 'push', 202, /nothing to do: .*#main has not moved/],
      [JSON.stringify({ ref: 'refs/heads/main', deleted: true }), 'push', 202, /nothing to do/],
      ['{}', 'issues', 202, /nothing to do for "issues"/],
      ['{"zen": "Speak like a human."}', 'ping', 200, /pong/],
    ] as const) {
      const [status, { message }] = await send(body, { event })
      expect(status, body).to.equal(expected)
      expect(message).to.match(words)
    }
    expect(await syncs()).to.deep.equal(before)
  })

  it('does nothing for who does not know the secret, nor for what cannot be', async () => {
    const before = await syncs()
    for (const [body, sent, expected] of [
      [push, { secret: 'guessed' }, 401],
      [push, { secret: 'guessed', event: 'ping' }, 401],
      [push, { id: 'nothing' }, 404],
      ['not JSON', {}, 400],
      ['x'.repeat(6 * 1024 * 1024), {}, 413],
    ] as const) {
      const [status, { fault, hint }] = await send(body, sent)
      expect(status, fault).to.equal(expected)
      expect(hint).to.be.a('string')
    }
    expect((await fetch(`${rig.url}/hooks/${hook.id}`)).status).to.equal(400)
    expect(await syncs()).to.deep.equal(before)
  })

  it('comes fifty times at once, and makes one sync that runs and one that waits', async () => {
    const before = (await syncs()).length
    const held = Promise.withResolvers<null>()
    const begun = Promise.withResolvers<undefined>()
    rig.fate = () => {
      begun.resolve(undefined)
      return held.promise
    }
    await remote.commit('site', { a: '2' })
    await send(push)
    await begun.promise
    const answers = await Promise.all(Array.from({ length: 50 }, () => send(push, { from: '10.9.1.1' })))
    expect(new Set(answers.map(([status, { operation }]) => `${String(status)} ${operation ?? ''}`)).size).to.equal(1)
    expect(await syncs()).to.have.length(before + 2)
    held.resolve(null)
    await rig.syncing.settled()
    rig.fate = () => null
    const [last] = await syncs()
    expect(last).to.include({ status: 'succeeded', asked: 50, build: null })
  })

  it('is not even looked up for who sends too many', async () => {
    const from = '10.9.2.2'
    const answers = await Promise.all(Array.from({ length: 400 }, () => send('{}', { id: 'guess', from })))
    expect(new Set(answers.map(([status]) => status))).to.deep.equal(new Set([404, 429]))
    expect((await send('{}', { event: 'ping' }))[0]).to.equal(200)
  })

  it('knows no secret but its last, and nothing once it is removed', async () => {
    const old = hook
    hook = (await rig.store.webhooks.renew(app.id)) ?? old
    expect(hook.id).to.equal(old.id)
    expect((await send('{}', { event: 'ping', secret: old.secret.reveal() }))[0]).to.equal(401)
    expect((await send('{}', { event: 'ping' }))[0]).to.equal(200)
    expect([await rig.store.webhooks.remove(app.id), await rig.store.webhooks.remove(app.id)]).to.deep.equal([
      true,
      false,
    ])
    expect((await send(push))[0]).to.equal(404)
    hook = (await rig.store.webhooks.renew(app.id)) ?? old
    expect(hook.id).not.to.equal(old.id)
    await rig.store.apps.remove(app.id)
    expect((await send(push))[0]).to.equal(404)
    expect(await rig.store.redis.exists('git:hooks', 'git:hooks:apps', `git:syncs:${app.id}`)).to.equal(0)
  })
})
