import { expect } from 'chai'
import { contract } from '../../../src/api/contract.js'
import { expectFault, settle } from '../asked.js'
import { openRig, type Rig } from '../rig.js'

/** A promise and the key to it. */
function defer() {
  let resolve = (): void => undefined
  const promise = new Promise<void>((done) => (resolve = done))
  return { promise, resolve }
}

describe('operations through the API', function () {
  this.timeout(10_000)
  let rig: Rig
  before(async () => {
    rig = await openRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  it('are found by their former name, too, of whoever asks by it', async () => {
    await rig.pushed('former')
    const { id } = await rig.client.config.change({ app: 'former', set: { A: '1' } })
    const { status } = await settle(rig, id)
    const answer = await rig.fetch(`/api/deploys/${id}`)
    expect([answer.status, await answer.json()]).to.deep.equal([
      200,
      await rig.client.operations.info({ operation: id }),
    ])
    expect(await (await rig.fetch(`/api/deploys/${id}/log`)).text()).to.include(`"status":"${status}"`)
    expect((await rig.fetch(`/api/deploys/${id}`, { token: null })).status).to.equal(401)
  })

  it('are followed from any byte, and go on when their follower leaves', async () => {
    const app = 'slow'
    await rig.pushed(app)
    const healthy = rig.rollOut
    const started = defer()
    const go = defer()
    rig.rollOut = async (_app, _release, { log }) => {
      log('one')
      started.resolve()
      await go.promise
      log('two')
    }
    try {
      const { id } = await rig.client.config.change({ app, set: { A: '1' } })
      await started.promise
      const left = new AbortController()
      const lines = await rig.client.operations.log({ operation: id, follow: 'true' }, left.signal)
      let offset = 0
      let seen = ''
      while (!seen.includes('one')) {
        const next = await lines.next()
        if (next.done) throw new Error('it ended early')
        seen += next.value.text
        offset = next.value.offset
      }
      left.abort()
      const again = await rig.client.operations.log({ operation: id, follow: 'true', from: offset })
      go.resolve()
      let rest = ''
      let next = await again.next()
      for (; next.done !== true; next = await again.next()) rest += next.value.text
      expect(rest).to.include('two').and.to.not.include('one')
      expect(next.value.status).to.equal('succeeded')
    } finally {
      rig.rollOut = healthy
    }
  })

  it('builds are the pushes among the changes', async () => {
    const app = await rig.pushed('built')
    await expectFault(rig.client.builds.info({ app: 'built', build: 'latest' }), 'missing', /no builds yet/)
    const { id } = await rig.store.operations.create(app.id, { kind: 'push', commit: 'f'.repeat(40), branch: 'main' })
    await settle(rig, (await rig.client.processes.restart({ app: 'built' })).id)
    const builds = contract.builds.list.reply.parse(await rig.client.builds.list({ app: 'built' }))
    expect(builds.map((build) => build.id)).to.deep.equal([id])
    const output = await rig.client.builds.output({ app: 'built', build: id, follow: 'true' })
    let text = ''
    for await (const part of output) text += part
    expect(text).to.not.equal('')
    await rig.client.apps.create({ name: 'unbuilt' })
    await expectFault(rig.client.builds.output({ app: 'unbuilt', build: id }), 'missing', /no build/)
  })
})
