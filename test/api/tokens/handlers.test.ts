import { expect } from 'chai'
import { contract } from '../../../src/api/contract.js'
import { run, type RunOptions } from '../../../src/api/client/run.js'
import { createClient } from '../../../src/api/client.js'
import { PassThrough } from 'node:stream'
import { outcome } from '../../../src/queue/follow.js'
import { openRig, type Rig } from '../rig.js'

const refusal = (promise: Promise<unknown>): Promise<{ fault: string; message: string }> =>
  promise.then(
    () => ({ fault: 'none', message: '' }),
    (error: unknown) => error as { fault: string; message: string },
  )

describe('access tokens', function () {
  this.timeout(10_000)
  let rig: Rig
  before(async () => {
    rig = await openRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  const make = async (name: string, expires?: string) => {
    const made = contract.tokens.create.reply.parse(
      await rig.client.tokens.create({ name, ...(expires !== undefined && { expires }) }),
    )
    return { ...made, client: createClient({ url: rig.url, token: made.token }) }
  }
  const list = async () => contract.tokens.list.reply.parse(await rig.client.tokens.list({}))
  const find = async (id: string) => (await list()).find((token) => token.id === id)

  it('are listed with when they were made, used and expire, and never shown', async () => {
    const ci = await make('ci', '30d')
    expect(await find(ci.id)).to.include({ name: 'ci', lastUsedAt: null, current: false, expiresAt: ci.expiresAt })
    expect(Date.parse(ci.expiresAt ?? '') - Date.now()).to.be.closeTo(30 * 86_400_000, 60_000)
    await ci.client.apps.list({})
    expect(Date.parse((await find(ci.id))?.lastUsedAt ?? '')).to.be.closeTo(Date.now(), 60_000)
    expect((await list()).filter(({ current }) => current).map(({ name }) => name)).to.deep.equal(['rig'])
    expect(JSON.stringify(await list())).to.not.include(ci.token)
  })

  it('are used without a write for each request', async () => {
    const busy = await make('busy')
    await busy.client.apps.list({})
    const writes = async () =>
      Number(/cmdstat_hset:calls=(\d+)/.exec(await rig.store.redis.info('commandstats'))?.[1] ?? 0)
    const before = await writes()
    for (let n = 0; n < 50; n += 1) await busy.client.apps.list({})
    expect(await writes()).to.equal(before)
  })

  it('that were revoked are worthless at once, by id or label', async () => {
    const [one, two] = [await make('twice'), await make('twice')]
    expect(await refusal(rig.client.tokens.revoke({ token: 'twice' }))).to.include({ fault: 'conflict' })
    expect(contract.tokens.revoke.reply.parse(await rig.client.tokens.revoke({ token: one.id }))).to.include({
      id: one.id,
      current: false,
    })
    expect(await refusal(one.client.apps.list({}))).to.include({ fault: 'unauthenticated' })
    await two.client.apps.list({})
    await rig.client.tokens.revoke({ token: 'twice' })
    expect((await refusal(two.client.apps.list({}))).message).to.match(/does not know the token: it was revoked/)
    expect(await refusal(rig.client.tokens.revoke({ token: 'twice' }))).to.include({ fault: 'missing' })
    expect(await find(one.id)).to.equal(undefined)
  })

  it('are remembered by name with what their holders asked for', async () => {
    const app = await rig.pushed('asked')
    const ada = await make('ada')
    const { id } = await ada.client.config.change({ app: app.name, set: { A: '1' } })
    const change = await rig.store.operations.get(id)
    expect(change.by).to.deep.equal({ token: ada.id, name: 'ada' })
    const renamed = await ada.client.apps.update({ app: app.name, name: 'asked-again' })
    const rename = await rig.store.operations.get(renamed.operation?.id ?? '')
    expect(rename.by?.name).to.equal('ada')
    // what is under way still would be rolled out as the next test says
    for (const one of [change, rename]) await outcome(rig.store, one)
  })

  it('end what is open with them when they go', async () => {
    const app = await rig.pushed('open')
    const gone = await make('gone')
    const [started, go] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()]
    rig.rollOut = () => {
      started.resolve(undefined)
      return go.promise
    }
    const { id } = await rig.client.config.change({ app: app.name, set: { A: 'b' } })
    await started.promise
    const lines = await gone.client.operations.log({ operation: id, follow: 'true' })
    await lines.next()
    const rest = (async () => {
      for (let next = await lines.next(); next.done !== true; next = await lines.next());
    })()
    const told = refusal(rest)
    await rig.client.tokens.revoke({ token: gone.id })
    expect(await told, 'the stream is cut').to.include({ fault: 'unavailable' })
    go.resolve(undefined)
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
    const options: RunOptions = {
      ...{ path: `apps/${app.name}/run`, command: ['true'], tty: false, stdin, stdout, stderr },
      ...{ size: () => ({ rows: 1, columns: 1 }), onResize: () => undefined, onStart: () => undefined },
      signal: new AbortController().signal,
    }
    const access = { url: rig.url, token: gone.token }
    expect(await refusal(run(access, options))).to.include({
      fault: 'unauthenticated',
    })
  })

  it('expire, and what they have open with them', async () => {
    const short = await make('short', '1s')
    await short.client.apps.list({})
    const deadline = Date.parse(short.expiresAt ?? '')
    const { id } = await rig.store.operations.create((await rig.store.apps.get('open')).id, {
      kind: 'rollback',
      version: 1,
    })
    const open = await short.client.operations.log({ operation: id, follow: 'true' })
    await refusal(open.next()) // cut off when the token's time is over
    while (Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await refusal(short.client.apps.list({}))).to.include({ fault: 'unauthenticated' })
  })

  it('are refused a time that is none', async () => {
    for (const expires of ['', '0d', '30', '1y', '-1d', '1.5h'])
      expect(await refusal(rig.client.tokens.create({ name: 'x', expires })), expires).to.include({ fault: 'invalid' })
  })
})
