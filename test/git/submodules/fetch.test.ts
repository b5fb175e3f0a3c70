import { readdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { loadConfig } from '../../../src/config.js'
import { BerthError } from '../../../src/errors.js'
import { Disk } from '../../../src/git/disk.js'
import { SubmoduleCache } from '../../../src/git/submodules/cache.js'
import { fetchCommit, type Fetching } from '../../../src/git/submodules/fetch.js'
import { connectsWhereTold } from '../../../src/git/remotes/reach.js'
import { parseUrl } from '../../../src/git/remotes/url.js'
import { Secret } from '../../../src/lib/secret.js'
import { bareRepository, type BareRepository } from '../bare.js'
import { patience } from '../../patience.js'
import { demanding, remoteServer, type RemoteServer } from '../remote.js'

/** The command line of a process; empty when it has ended meanwhile. */
function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  } catch {
    return ''
  }
}

const noSsh = { key: null, hostKeys: () => [] }

describe('the fetch of a submodule', function () {
  this.timeout(60_000 * patience)
  let bare: BareRepository
  let cache: SubmoduleCache
  let remote: RemoteServer
  let commit: string
  let last: string
  before(async () => {
    ;[bare, remote] = await Promise.all([bareRepository(), remoteServer()])
    cache = new SubmoduleCache(bare.path)
    last = await remote.commit('lib', { a: '1' })
  })
  beforeEach(async () => {
    await cache.ensure(0) // begins anew
    remote.guard = () => false
    commit = last
  })
  afterEach(() => {
    // what failed has left nothing
    expect(readdirSync(join(bare.path, 'berth'))).to.deep.equal(['submodules.git'])
  })
  after(async () => {
    await remote[Symbol.asyncDispose]()
    await bare[Symbol.asyncDispose]()
  })

  const fetch = (patch: Partial<Fetching> = {}, url = `${remote.url}/lib`): Promise<string> => {
    const at: Fetching = {
      ...{ cache, trusted: ['127.0.0.1'], loginFor: () => null, ssh: noSsh, most: 2 ** 30, patienceMs: 60_000 },
      ...{ config: loadConfig({}), disk: new Disk(bare.path, 0), until: Date.now() + 60_000 },
      ...{ signal: new AbortController().signal, ...patch },
    }
    return fetchCommit(at, { path: 'lib', commit, origin: parseUrl(url, 'lib') }).then(
      () => 'fetched',
      (error: unknown) => {
        if (!(error instanceof BerthError)) throw error
        return `${error.fault}: ${error.message}; ${error.hint ?? ''}`
      },
    )
  }
  const isThere = async (): Promise<boolean> => (await cache.missing([commit])).size === 0

  it('brings one commit, without its history, whatever else is fetched at the same time', async () => {
    const other = commit
    commit = last = await remote.commit('lib', { a: '2' })
    expect(await Promise.all([fetch(), fetch()])).to.deep.equal(['fetched', 'fetched'])
    expect([await isThere(), (await cache.missing([other])).has(other)]).to.deep.equal([true, true])
  })

  it('connects to where the name led when it was looked at, and asks nobody again', async () => {
    let asked = 0
    const lookup = () => {
      asked += 1
      return Promise.resolve([asked === 1 ? '127.0.0.1' : '169.254.169.254'])
    }
    const url = remote.url.replace('127.0.0.1', 'git.rebinding.invalid')
    expect(await fetch({ lookup, trusted: ['git.rebinding.invalid'] }, `${url}/lib`)).to.equal('fetched')
    expect(asked).to.equal(1)
    const versions = ['git version 2.30.2', 'git version 2.39.5 (Apple Git-154)', '2.37.0', '3.0', '1.40', 'x']
    expect(versions.map(connectsWhereTold)).to.deep.equal([false, true, true, true, false, false])
  })

  it('looks at where a repository has moved as at any other URL', async () => {
    const to = { private: 'http://127.0.0.2:1', elsewhere: 'file:///etc', nowhere: '' }
    for (const [path, url] of Object.entries(to)) {
      remote.guard = (request, response) => {
        const location = `${url}${(request.url ?? '').replace(path, 'lib')}`
        response.writeHead(302, url === '' ? {} : { Location: location }).end()
        return true
      }
      expect(await fetch({}, `${remote.url}/${path}`)).to.match(
        path === 'private'
          ? /^denied: lib: http:\/\/127.0.0.2:1\/lib leads to a private address/
          : /^invalid: lib: http:\S+ leads elsewhere, and is not followed/,
      )
    }
    remote.guard = (request, response) => {
      response.writeHead(302, { Location: request.url ?? '' }).end()
      return true
    }
    expect(await fetch()).to.match(/leads elsewhere/)
    expect(await isThere()).to.equal(false)
  })

  it('follows a repository to where it has moved, without the password of the host that it left', async () => {
    await using other = await remoteServer()
    commit = await other.commit('new', { a: '1' })
    remote.guard = (request, response) => {
      response.writeHead(301, { Location: `${other.url}${(request.url ?? '').replace('/lib/', '/new.git/')}` }).end()
      return true
    }
    const login = { user: 'ada', password: new Secret('secret') }
    expect(await fetch({ loginFor: (host) => (host === remote.host ? login : null) })).to.equal('fetched')
    expect(await fetch({}, `${remote.url.replace('//', '//ada:secret@')}/lib`)).to.equal('fetched')
    expect(other.asked.length).to.be.greaterThan(0)
    expect(other.asked.filter(({ authorization }) => authorization !== undefined)).to.deep.equal([])
  })

  it('brings a commit that no branch is at from a server that gives nothing but branches', async () => {
    last = await remote.commit('lib', { a: '3' })
    remote.modern = false
    expect(await fetch()).to.equal('fetched')
    remote.modern = true
    expect(await isThere()).to.equal(true)
  })

  it('says what is not there, and what cannot be reached', async () => {
    commit = '1'.repeat(40)
    expect(await fetch()).to.match(
      /^missing: lib: commit 1111111 is not at http:\S+\/lib; push it there \(in lib: git push/,
    )
    expect(await fetch({}, `${remote.url}/no`)).to.match(/^missing: lib: there is no repository at http:\S+\/no; /)
    expect(await fetch({}, 'http://127.0.0.1:1/lib')).to.match(
      /^unavailable: lib: http:\S+\/lib cannot be reached: .*Failed to connect/,
    )
    expect(await fetch({ lookup: () => Promise.reject(new Error('ENOTFOUND')) }, 'https://no.invalid/lib')).to.match(
      /^unavailable: lib: the host of https:\/\/no.invalid\/lib is not found/,
    )
  })

  it('says that a password is wanted, or refused, and sends the one that a URL has', async () => {
    remote.guard = demanding('ada', 'secret:1')
    const login = { user: 'ada', password: new Secret('wrong') }
    expect(await fetch()).to.match(/^denied: lib: http:\S+\/lib wants a password, or is not there; .berth git:auth 127/)
    expect(await fetch({ loginFor: () => login })).to.match(/^denied: lib: 127.0.0.1:\d+ refuses the password of ada/)
    expect(await fetch({}, `${remote.url.replace('//', '//ada:secret%3A1@')}/lib`)).to.equal('fetched')
  })

  it('ends with the time that it may take, and with whom it is for', async () => {
    const began = Promise.withResolvers<undefined>()
    remote.guard = () => {
      began.resolve(undefined)
      return true // and says nothing
    }
    expect(await fetch({ patienceMs: 300 })).to.match(
      /^unavailable: lib: http:\S+ did not send commit \w{7} within 0 s/,
    )
    const leaving = new AbortController()
    const fetched = fetch({ signal: leaving.signal }).catch((error: unknown) => error)
    await began.promise
    leaving.abort()
    expect(await fetched).to.have.property('name', 'AbortError')
  })

  it('ends when more is sent than may be', async () => {
    const noise = Array.from({ length: 40_000 }, (_, at) => String((at * 7919) % 100_003)).join('')
    commit = await remote.commit('lib', { noise })
    expect(await fetch({ most: 16 * 1024 })).to.match(/^large: lib: what http:\S+\/lib sends is larger than 1 MiB/)
    expect(await isThere()).to.equal(false)
    expect(await fetch()).to.equal('fetched')
  })

  it('refuses what git itself calls damaged', async () => {
    commit = await remote.commit('lib', { '.gitmodules': '[submodule "x"]\n\tupdate = !id\n' })
    expect(await fetch()).to.match(/^invalid: lib: http:\S+ holds what git itself calls damaged \(.*gitmodules/)
  })

  it('shows its password to its host, and to nobody who looks at processes or words', async () => {
    remote.guard = demanding('ada', 'hunter2')
    const login = { user: 'ada', password: new Secret('hunter2') }
    let lines = ''
    const guard = remote.guard
    remote.guard = (request, response) => {
      for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) lines += commandOf(pid)
      return guard(request, response)
    }
    expect(await fetch({ loginFor: (host) => (host === remote.host ? login : null) })).to.equal('fetched')
    expect(lines).to.include('fetch').and.include(`${remote.url}/lib`)
    for (const secret of ['hunter2', Buffer.from('ada:hunter2').toString('base64')])
      expect(lines).to.not.include(secret)
    expect(await readFile(join(cache.path, 'config'), 'utf8')).to.not.include('hunter2')
    expect(await fetch({ loginFor: () => login, trusted: [] }, 'http://1.1.1.1/lib')).to.match(
      /^denied: lib: the password for 1.1.1.1 would be sent to http:\/\/1.1.1.1\/lib for all to read/,
    )
  })

  it('begins a cache anew that has grown too large', async () => {
    expect(await fetch()).to.equal('fetched')
    await cache.ensure(2 ** 30)
    expect(await isThere()).to.equal(true)
    await cache.ensure(10)
    expect(await isThere()).to.equal(false)
  })
})
