import { createHmac } from 'node:crypto'
import { expect } from 'chai'
import type { SyncView } from '../../../src/api/contract.js'
import { demanding, remoteServer, type RemoteServer } from '../../git/remote.js'
import { patience } from '../../patience.js'
import { answering, crashing } from '../apps.js'
import { createApp, startInstance, type Instance } from '../instance.js'

describe('an app that is kept from a repository', function () {
  this.timeout(180_000 * patience)
  let berth: Instance
  let remote: RemoteServer
  let app: string
  before(async () => {
    remote = await remoteServer()
    berth = await startInstance({ settings: { BERTH_GIT_PRIVATE_HOSTS: '127.0.0.1' } })
    app = await createApp(berth, await berth.repository({}), 'kept')
  })
  after(async () => {
    await remote[Symbol.asyncDispose]()
    await berth[Symbol.asyncDispose]()
  })

  const of = (...args: readonly string[]) => berth.berth([...args, '-a', app], { timeoutMs: 120_000 })
  const synced = async (words: RegExp): Promise<void> => {
    const { code, stderr } = await of('git:sync')
    expect(code, stderr).to.equal(0)
    expect(stderr).to.match(words)
  }
  const refused = async (words: RegExp): Promise<void> => {
    const { code, stderr } = await of('git:sync')
    expect([code, words.test(stderr)], stderr).to.deep.equal([1, true])
  }
  const answer = async () => (await berth.curl(app)).body
  const syncs = async () => JSON.parse((await of('git:syncs', '--json')).stdout) as SyncView[]

  it('is deployed with what is there, what is new and what was forced, and goes on where that fails', async () => {
    const first = await remote.commit('site', answering('one'))
    const deployed = await of('deploy', '--git', `${remote.url}/site.git#main`)
    expect(deployed.code, deployed.stderr).to.equal(0)
    expect(deployed.stderr).to.include(`Kept: \`berth git:sync -a ${app}\``)
    expect(JSON.parse((await of('apps:info', '--json')).stdout)).to.deep.include({
      source: { url: `${remote.url}/site.git`, ref: 'main' },
    })
    await synced(/This tree runs already/)
    await synced(/nothing is new/)
    await remote.commit('site', answering('two'))
    await synced(/Fetching http[^]*Building/)
    expect(await answer()).to.equal('two')
    await remote.git('site', 'reset', '--quiet', '--hard', first)
    await remote.commit('site', answering('forced'))
    remote.guard = demanding('ada', 'hunter2')
    await refused(/wants a password[^]*berth git:auth 127.0.0.1:/)
    await berth.berth(['git:auth', remote.host, 'ada', '-a', app], { input: 'hunter2\n' })
    await synced(/Building/)
    expect(await answer()).to.equal('forced')
    await remote.commit('site', crashing)
    await refused(/cannot find the database[^]*it was not deployed/)
    await remote.git('site', 'branch', '--move', 'main', 'other')
    await refused(/no branch and no tag "main"; what was deployed before goes on/)
    expect(await answer()).to.equal('forced')
  })

  it('follows a webhook, and no other', async () => {
    await remote.git('site', 'branch', '--move', 'other', 'main')
    const commit = await remote.commit('site', answering('hooked'))
    const { url, secret } = JSON.parse((await of('git:webhook', '--json')).stdout) as Record<string, string>
    const send = async (body: string, key = secret ?? ''): Promise<Record<string, unknown>> => {
      const signature = `sha256=${createHmac('sha256', key).update(body).digest('hex')}`
      const { pathname } = new URL(url ?? '')
      const headers = ['X-GitHub-Event: push', `X-Hub-Signature-256: ${signature}`].flatMap((one) => ['-H', one])
      const { status, body: text } = await berth.curl('berth', pathname, ...headers, '--data-binary', body)
      return { status, ...(JSON.parse(text) as object) }
    }
    const push = JSON.stringify({ ref: 'refs/heads/main', after: commit })
    expect(await send(push, 'guessed')).to.include({ status: 401 })
    expect(await send(push.replace('main', 'other'))).to.include({ status: 202, app })
    const before = (await syncs()).length
    const { status, operation } = await send(push)
    expect(status).to.equal(202)
    // the next one waits for it
    await synced(/nothing is new/)
    expect(await answer()).to.equal('hooked')
    const all = await syncs()
    expect(all.length).to.equal(before + 2)
    expect(all[1]).to.include({ id: operation, build: operation, cause: 'GitHub', status: 'succeeded', commit })
    expect((await of('builds:output', String(operation))).stdout).to.include('Building')
  })
})
