import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { expect } from 'chai'
import { parseSource, writeSource } from '../../../src/git/sync/source.js'
import { Syncing } from '../../../src/git/sync/syncing.js'
import { createLog } from '../../../src/log.js'
import { Secret } from '../../../src/lib/secret.js'
import type { App } from '../../../src/store/apps.js'
import type { Sync } from '../../../src/store/syncs.js'
import { patience } from '../../patience.js'
import { makeKeyPair } from '../../../src/git/remotes/deploy-key.js'
import { sshServer } from '../ssh-server.js'
import { demanding, remoteServer, type RemoteServer } from '../remote.js'
import { gitRig, type GitRig } from '../rig.js'

describe('a sync', function () {
  this.timeout(60_000 * patience)
  let rig: GitRig
  let remote: RemoteServer
  let app: App
  let built: string[] = []
  let count = 0
  before(async () => {
    rig = await gitRig({ settings: { BERTH_GIT_PRIVATE_HOSTS: '127.0.0.1', BERTH_PUSH_SIZE: '1' } })
  })
  after(() => rig[Symbol.asyncDispose]())
  beforeEach(async () => {
    remote = await remoteServer()
    app = await rig.app(`kept${String((count += 1))}`)
    built = []
    rig.fate = async ({ change }, log) => {
      built.push(change.commit as string)
      log.detail('built')
      return Promise.resolve(null)
    }
  })
  afterEach(async () => {
    await rig.syncing.settled()
    await remote[Symbol.asyncDispose]()
    const left = readdirSync(join(rig.repository(app), 'berth'))
    expect(left.filter((name) => name.startsWith('fetch-'))).to.deep.equal([])
    expect(await rig.fsck(app)).to.equal('')
  })

  const keep = async (url: string, ref: string | null = null): Promise<void> => {
    app = await rig.store.apps.update(app.id, { gitSource: parseSource(url, ref) })
  }
  const by = { token: 't1', name: 'ada' }
  /** Asks for one, and waits for its end. */
  const sync = async (syncing = rig.syncing): Promise<Sync & { text: string }> => {
    const { output, ended } = await syncing.ask(app, { cause: 'command', by })
    let text = ''
    for await (const piece of output.read(new AbortController().signal)) text += piece
    const end = await ended
    if (end === null) throw new Error('it did not come to an end')
    return { ...end, text }
  }
  const refused = async (words: RegExp, syncing = rig.syncing): Promise<void> => {
    const { status, failure, text, build } = await sync(syncing)
    expect([status, build], text).to.deep.equal(['failed', null])
    expect(`${failure ?? ''}\n${text}`).to.match(words)
    expect(built).to.deep.equal([])
  }

  it('deploys what is there, as a push of it would, and nothing when nothing is new', async () => {
    const commit = await remote.commit('site', { 'index.html': 'one' })
    await keep(`${remote.url}/site.git`)
    const first = await sync()
    expect(first, first.text).to.deep.include({
      status: 'succeeded',
      commit,
      build: first.id,
      failure: null,
      cause: 'command',
    })
    expect(first.text).to.match(/^-----> Fetching http:\S+\/site.git\n {7}main is at [0-9a-f]{7}\n {7}built\n$/)
    expect([built, await rig.tip(app)]).to.deep.equal([[commit], commit])
    const [operation] = await rig.store.operations.list(app.id)
    expect([operation?.id, operation?.by, operation?.change.branch]).to.deep.equal([first.id, by, 'main'])

    const second = await sync()
    expect([second.status, second.build, built.length]).to.deep.equal(['succeeded', null, 1])
    expect(second.text).to.include('nothing is new')
    expect((await rig.store.syncs(app.id).list()).map(({ id }) => id)).to.deep.equal([second.id, first.id])
  })

  it('takes a branch, a tag, a commit, and what its owner has forced', async () => {
    const one = await remote.commit('site', { a: '1' })
    await remote.git('site', 'tag', '-m', 'annotated', 'v1')
    await remote.git('site', 'branch', 'both')
    const two = await remote.commit('site', { a: '2' })
    await remote.git('site', 'tag', 'both')
    for (const [ref, commit] of [
      [null, two],
      ['v1', one],
      ['main', two],
      ['both', one],
      ['refs/tags/both', two],
      [one, one],
    ] as const) {
      await keep(`${remote.url}/site`, ref)
      expect((await sync()).commit, String(ref)).to.equal(commit)
      expect(await rig.tip(app), String(ref)).to.equal(commit)
    }
    await keep(`${remote.url}/site`, 'main')
    await sync()
    await remote.git('site', 'reset', '--hard', '--quiet', one)
    const forced = await remote.commit('site', { a: '3' })
    expect((await sync()).commit).to.equal(forced)
    expect([built.at(-1), await rig.tip(app)]).to.deep.equal([forced, forced])
  })

  it('tries again what could not be built, whatever was fetched before', async () => {
    const commit = await remote.commit('site', { a: '1' })
    await keep(`${remote.url}/site`)
    rig.fate = () => 'no start script'
    const failed = await sync()
    expect(failed).to.include({ status: 'failed', failure: 'no start script', commit })
    expect([failed.build, await rig.tip(app)]).to.deep.equal([failed.id, null])
    rig.fate = () => null
    expect(await sync()).to.include({ status: 'succeeded', commit })
    expect(await rig.tip(app)).to.equal(commit)
  })

  it('says where it fails, and changes nothing', async () => {
    await remote.commit('site', { a: '1' })
    await remote.commit('empty', {})
    await remote.git('empty', 'update-ref', '-d', 'HEAD')
    for (const [url, ref, words] of [
      [
        `${remote.url}/site`,
        'gone',
        /has no branch and no tag "gone"; what was deployed before goes on\n[^]*git:set source=/,
      ],
      [`${remote.url}/empty`, null, /has no default branch: is it empty\?/],
      [`${remote.url}/nothing`, null, /wants a password, or is not there|there is no repository at/],
      [`${remote.url}/site`, '1'.repeat(40), /is no commit/],
      ['http://10.1.2.3/site', null, /leads to a private address[^]*BERTH_GIT_PRIVATE_HOSTS=10.1.2.3/],
      ['http://127.0.0.1:1/site', null, /cannot be reached[^]*`berth git:sync` tries again/],
    ] as const) {
      await keep(url, ref)
      await refused(words)
    }
    expect(await rig.tip(app)).to.equal(null)
    const gone = await rig.store.apps.update(app.id, { gitSource: undefined })
    const error = await rig.syncing.ask(gone, { cause: 'command', by }).catch((error: unknown) => error)
    expect(error).to.include({ fault: 'conflict' })
  })

  it('is done over SSH with the key of the app, from a host that it knows', async function () {
    this.timeout(240_000 * patience)
    await using server = await sshServer()
    const commit = await remote.commit('site', { a: '1' })
    const place = await remote.git('site', 'rev-parse', '--show-toplevel')
    await keep(`${server.url}${place}`, 'main')
    await refused(/reached by SSH, and the app has no key\n[^]*berth git:key/)
    const keys = rig.store.gitKeys(app.id)
    const pair = await makeKeyPair('berth-kept')
    await keys.setKey({ ...pair, createdAt: '' }, false)
    await refused(/the key of the host 127.0.0.1:\d+ is not known/)
    await keys.trust(server.host, server.hostKey.split(' ').slice(0, 2).join(' '))
    await refused(/127.0.0.1:\d+ refuses the key of the app/)
    await server.allow(pair.publicKey)
    const done = await sync()
    expect(done, done.text).to.include({ status: 'succeeded', commit })
    expect(done.text).not.to.include('PRIVATE')
  })

  it('waits neither for a password nor for who says nothing', async () => {
    await remote.commit('site', { a: '1' })
    await keep(`${remote.url}/site`)
    remote.guard = demanding('ada', 'hunter2')
    await refused(/wants a password, or is not there[^]*berth git:auth 127.0.0.1:\d+ USER/)
    const logins = rig.store.gitLogins(app.id)
    await logins.set({ host: remote.host, user: 'ada' }, new Secret('wrong'))
    await refused(/refuses the password of ada/)
    const held: ServerResponse[] = []
    remote.guard = (_, response) => held.push(response) > 0
    const { config, store } = rig
    const hasty = new Syncing({ config, store, log: createLog('test', { level: 'silent' }), patienceMs: 1000 })
    await refused(/did not send its default branch within 1 s/, hasty)
    for (const response of held) response.destroy()
    remote.guard = demanding('ada', 'hunter2')
    await logins.set({ host: remote.host, user: 'ada' }, new Secret('hunter2'))
    expect(await sync()).to.include({ status: 'succeeded' })
  })

  it('follows a repository that has moved, but not to where others must not look', async () => {
    const commit = await remote.commit('site', { a: '1' })
    await keep(`${remote.url}/site`)
    let to = 'http://169.254.169.254/latest'
    remote.guard = ({ url = '' }, response) => {
      if (!url.startsWith('/site')) return false
      response.writeHead(301, { Location: `${to}${url.replace('/site', '')}` }).end()
      return true
    }
    await refused(/169.254.169.254\/latest leads to a private address/)
    await remote.git('site', 'clone', '--quiet', '.', '../moved')
    to = `${remote.url}/moved`
    expect(await sync()).to.include({ status: 'succeeded', commit })
  })

  it('takes no more than a push may bring', async () => {
    const noise = Array.from({ length: 120_000 }, () => Math.random().toString(36)).join('\n')
    await remote.commit('site', { noise: noise + noise.split('').reverse().join('') })
    await keep(`${remote.url}/site`)
    await refused(/larger than 1 MiB/)
  })

  it('is done once for all who ask while one waits', async () => {
    await remote.commit('site', { a: '1' })
    await keep(`${remote.url}/site`)
    const held = Promise.withResolvers<null>()
    const begun = Promise.withResolvers<undefined>()
    rig.fate = () => {
      begun.resolve(undefined)
      return held.promise
    }
    const ask = () => rig.syncing.ask(app, { cause: 'GitHub', by: null })
    const first = await ask()
    await begun.promise
    const two = await remote.commit('site', { a: '2' })
    const others = await Promise.all(Array.from({ length: 50 }, ask))
    expect(new Set(others.map(({ id }) => id)).size).to.equal(1)
    held.resolve(null)
    expect(await first.ended).to.include({ status: 'succeeded', asked: 1 })
    expect(await others[0]?.ended).to.include({ status: 'succeeded', asked: 50, commit: two })
    expect(await rig.store.syncs(app.id).list()).to.have.length(2)
  })

  it('is gone on with by the next process when this one ends', async () => {
    const commit = await remote.commit('site', { a: '1' })
    await keep(`${remote.url}/site`)
    const left: Sync = {
      ...{
        id: '0000000000abcdef0',
        status: 'running',
        cause: 'GitHub',
        asked: 1,
        by: null,
        source: writeSource({ url: 'x', ref: null }),
      },
      ...{
        createdAt: new Date().toISOString(),
        finishedAt: null,
        commit: null,
        build: null,
        failure: null,
        owner: '1-1',
      },
    }
    const syncs = rig.store.syncs(app.id)
    expect(await syncs.add(left)).to.equal(true)
    await rig.syncing.resume()
    await rig.syncing.settled()
    expect(await syncs.find(left.id)).to.include({ status: 'succeeded', commit, build: left.id })
    await rig.syncing.resume()
    await rig.syncing.settled()
    expect(built).to.deep.equal([commit])
  })
})

describe('a sync whose process ends', function () {
  this.timeout(60_000 * patience)
  it('ends what it began when its process ends', async () => {
    await using remote = await remoteServer()
    await using other = await gitRig({ settings: { BERTH_GIT_PRIVATE_HOSTS: '127.0.0.1' } })
    const made = await other.store.apps.create('kept')
    const asked = Promise.withResolvers<ServerResponse>()
    remote.guard = (_, response) => {
      asked.resolve(response)
      return true
    }
    const kept = await other.store.apps.update(made.id, { gitSource: { url: `${remote.url}/site`, ref: null } })
    const { ended, id } = await other.syncing.ask(kept, { cause: 'command', by: null })
    const response = await asked.promise
    const closed = once(response, 'close')
    await other.syncing.close()
    await closed
    expect([await ended, (await other.store.syncs(made.id).find(id))?.status]).to.deep.equal([null, 'running'])
  })
})
