import { expect } from 'chai'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../../src/config.js'
import { BerthError } from '../../../src/errors.js'
import { makeKeyPair, type KeyPair } from '../../../src/git/remotes/deploy-key.js'
import { parseSshHost, readHostKey, showHostKeys, sshHostOf } from '../../../src/git/remotes/host-keys.js'
import { wayOfSsh } from '../../../src/git/remotes/ssh.js'
import { parseUrl } from '../../../src/git/remotes/url.js'
import { Disk } from '../../../src/git/disk.js'
import { SubmoduleCache } from '../../../src/git/submodules/cache.js'
import { fetchCommit, type Fetching } from '../../../src/git/submodules/fetch.js'
import { bareRepository, type BareRepository } from '../bare.js'
import { patience } from '../../patience.js'
import { must } from '../../run.js'
import { freePort } from '../../free.js'
import { gitEnv } from '../rig.js'
import { sshServer, type SshServer } from '../ssh-server.js'

const told = (error: unknown): string => {
  if (!(error instanceof BerthError)) throw error
  return `${error.fault}: ${error.message}; ${error.hint ?? ''}`
}

describe('a repository over SSH', function () {
  // what sshd starts for each connection competes, in a session of its own, with whatever else the machine does
  this.timeout(240_000 * patience)
  let bare: BareRepository
  let cache: SubmoduleCache
  let server: SshServer
  let keys: KeyPair
  let dir: string
  let commit: string
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-ssh-'))
    ;[bare, server, keys] = await Promise.all([bareRepository(), sshServer(), makeKeyPair('berth-test')])
    cache = new SubmoduleCache(bare.path)
    await cache.ensure(0)
    await server.allow(keys.publicKey)
    const work = { cwd: dir, env: gitEnv }
    await must('git', ['init', '-q', '-b', 'main', 'lib'], work)
    await must('git', ['-C', 'lib', 'commit', '-q', '--allow-empty', '-m', 'one'], work)
    commit = await must('git', ['-C', 'lib', 'rev-parse', 'HEAD'], work)
  })
  afterEach(async () => {
    expect(await readdir(join(bare.path, 'berth')), 'what is left').to.deep.equal(['submodules.git'])
  })
  after(async () => {
    await server[Symbol.asyncDispose]()
    await bare[Symbol.asyncDispose]()
    await rm(dir, { recursive: true, force: true })
  })

  interface Change extends Partial<Fetching> {
    readonly url?: string
    readonly hostKeys?: readonly string[]
    readonly pair?: KeyPair | null
  }
  const fetch = ({
    url = `${server.url}${dir}/lib`,
    hostKeys = [server.hostKey],
    pair = keys,
    ...patch
  }: Change = {}) => {
    const at: Fetching = {
      ...{ cache, trusted: ['127.0.0.1'], loginFor: () => null, most: 2 ** 30, patienceMs: 60_000 },
      ...{ config: loadConfig({}), disk: new Disk(bare.path, 0), until: Date.now() + 60_000 },
      ssh: { key: pair && pair.privateKey, hostKeys: (host) => (host === server.host ? hostKeys : []) },
      ...{ signal: new AbortController().signal, ...patch },
    }
    return fetchCommit(at, { path: 'lib', commit, origin: parseUrl(url, 'lib') }).then(() => 'fetched', told)
  }
  const silent = async (serve: (server: Server) => void, task: (port: number) => Promise<void>): Promise<void> => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    serve(other)
    try {
      await task((other.address() as AddressInfo).port)
    } finally {
      await new Promise((done) => other.close(done))
    }
  }

  it('is fetched with the key of the app, from the host that it knows', async () => {
    expect(await fetch()).to.equal('fetched')
    expect((await cache.missing([commit])).size).to.equal(0)
  })

  it('is not fetched without a key, or from a host that is not known', async () => {
    expect(await fetch({ pair: null })).to.match(
      /^denied: lib: ssh:\S+ is reached by SSH, and the app has no key; `berth git:key`/,
    )
    expect(await fetch({ hostKeys: [] })).to.match(
      /^denied: lib: the key of the host 127.0.0.1:\d+ is not known.*`berth git:host 127.0.0.1:\d+`/,
    )
  })

  it('is not fetched from a host that shows another key than it did', async () => {
    const { publicKey } = await makeKeyPair('another host')
    expect(await fetch({ hostKeys: [publicKey] })).to.match(
      /^denied: lib: 127.0.0.1:\d+ shows another host key than the one that is known.*`berth git:host:remove 127/,
    )
  })

  it('says that its host refuses the key, or does not have it', async () => {
    expect(await fetch({ pair: await makeKeyPair('nobody') })).to.match(
      /^denied: lib: 127.0.0.1:\d+ refuses the key of the app for \w+; `berth git:key` shows it/,
    )
    expect(await fetch({ url: `${server.url}${dir}/none` })).to.match(/^missing: lib: there is no repository at ssh:/)
  })

  it('is given up where nobody answers, or somebody says nothing', async () => {
    const url = `${server.url.replace(/\d+$/, String(await freePort()))}/x`
    const hostKeys = () => [server.hostKey]
    const ssh = { key: keys.privateKey, hostKeys }
    expect(await fetch({ url, ssh })).to.match(
      /^unavailable: lib: ssh:\S+ cannot be reached: .*Connection refused; push again/,
    )
    await silent(
      (other) => other.on('connection', (socket) => socket.on('error', () => undefined).resume()),
      async (port) => {
        const silentUrl = `${server.url.replace(/\d+$/, String(port))}/x`
        expect(await fetch({ url: silentUrl, ssh, patienceMs: 700 })).to.match(
          /^unavailable: lib: ssh:\S+ did not send commit \w+ within 1 s/,
        )
      },
    )
    await silent(
      (other) =>
        other.on('connection', (socket) =>
          socket
            .on('error', () => undefined)
            .resume()
            .end('220 no SSH\r\n'),
        ),
      async (port) => {
        const wrongUrl = `${server.url.replace(/\d+$/, String(port))}/x`
        expect(await fetch({ url: wrongUrl, ssh })).to.match(
          /^unavailable: lib: ssh:\S+ (cannot be reached|was not fetched): /,
        )
      },
    )
  })

  it('is asked for at the address that was looked at, and at no private one', async () => {
    expect(await fetch({ trusted: [] })).to.match(/^denied: lib: ssh:\S+ leads to a private address/)
    let asked = 0
    const lookup = () => Promise.resolve([(asked += 1) === 1 ? '127.0.0.1' : '169.254.169.254'])
    const named = `${server.url.replace('127.0.0.1', 'git.rebinding.invalid')}${dir}/lib`
    const ssh = { key: keys.privateKey, hostKeys: () => [server.hostKey] }
    expect(await fetch({ url: named, lookup, ssh, trusted: ['git.rebinding.invalid'] })).to.equal('fetched')
    expect(asked).to.equal(1)
  })

  it('is asked for at the next address of its host where nobody answers at the first', async () => {
    const named = `${server.url.replace('127.0.0.1', 'git.rebinding.invalid')}${dir}/lib`
    const ssh = { key: keys.privateKey, hostKeys: () => [server.hostKey] }
    const both = () => Promise.resolve(['127.0.0.9', '127.0.0.1'])
    expect(await fetch({ url: named, lookup: both, ssh, trusted: ['git.rebinding.invalid'] })).to.equal('fetched')
  })

  it('is reached by nothing of the machine but one key, which nobody else can read and which goes', async () => {
    const parent = await mkdtemp(join(dir, "it's 100%d "))
    let file: string
    {
      await using way = await wayOfSsh(
        parent,
        { key: keys.privateKey, hostKeys: [server.hostKey] },
        { address: '127.0.0.1', port: 1 },
      )
      const [made = ''] = await readdir(parent)
      file = join(parent, made)
      expect((await stat(file)).mode & 0o777).to.equal(0o700)
      for (const name of await readdir(file)) expect((await stat(join(file, name))).mode & 0o777, name).to.equal(0o600)
      expect(way.env.GIT_SSH_COMMAND).not.to.include(keys.privateKey.reveal())
      const shown = await must('sh', ['-c', `${way.env.GIT_SSH_COMMAND ?? ''} -G git@host`])
      const settings = new Map(shown.split('\n').map((line) => [line.split(' ', 1)[0], line.replace(/^\S+ /, '')]))
      for (const [name, value] of Object.entries({
        hostname: '127.0.0.1',
        port: '1',
        batchmode: 'yes',
        stricthostkeychecking: 'true',
        identitiesonly: 'yes',
        identityagent: 'none',
        identityfile: join(file, 'key').replaceAll('%', '%%'),
        userknownhostsfile: join(file, 'known_hosts'),
        globalknownhostsfile: '/dev/null',
        permitlocalcommand: 'no',
        forwardagent: 'no',
        passwordauthentication: 'no',
        controlmaster: 'false',
      }))
        expect([name, settings.get(name)?.replaceAll('"', '')]).to.deep.equal([name, value])
      expect(settings.get('proxycommand')).to.be.oneOf([undefined, 'none'])
      expect(settings.has('proxyjump')).to.equal(false)
    }
    expect(await readdir(parent)).to.deep.equal([])
  })

  it('has a host that shows its keys', async () => {
    const url = parseSshHost(server.host)
    const signal = new AbortController().signal
    expect(await showHostKeys(url, { trusted: ['127.0.0.1'], signal })).to.deep.equal([readHostKey(server.hostKey)])
    const shown = await must('ssh-keygen', ['-lf', '-'], { input: `${server.hostKey}\n` })
    expect(shown).to.include(readHostKey(server.hostKey)?.fingerprint)
    expect(await showHostKeys(url, { trusted: [], signal }).then(String, told)).to.match(/^denied: host: /)
    await silent(
      (other) => other.on('connection', (socket) => socket.destroy()),
      async (port) => {
        const none = parseSshHost(`127.0.0.1:${String(port)}`)
        expect(await showHostKeys(none, { trusted: ['127.0.0.1'], signal }).then(String, told)).to.match(
          /^unavailable: 127.0.0.1:\d+ shows no SSH key/,
        )
      },
    )
  })

  it('has hosts and keys that are read as they are written', () => {
    for (const [text, host] of [
      ['GitHub.com', 'github.com'],
      ['git.lan:22', 'git.lan'],
      ['git.lan:2222', 'git.lan:2222'],
      ['[::1]:2222', '[::1]:2222'],
    ] as const)
      expect(sshHostOf(parseSshHost(text))).to.equal(host)
    for (const text of ['', 'a/b', 'a b', '-oProxyCommand=id', 'git@host', 'host:', 'host:x'])
      expect(() => parseSshHost(text), text).to.throw(BerthError)
    const key = readHostKey(server.hostKey)
    for (const text of [`git.lan ${server.hostKey} comment`, `  ${server.hostKey}  `])
      expect(readHostKey(text)).to.deep.equal(key)
    for (const text of [
      '',
      'ssh-ed25519',
      server.hostKey.slice(0, 60),
      server.hostKey.replace('ssh-ed25519 ', 'ssh-rsa '),
    ])
      expect(readHostKey(text), text).to.equal(null)
  })

  it('is fetched with a key that is an ed25519 one, in the words of a deploy key', async () => {
    expect(keys.publicKey).to.match(/^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5\S+ berth-test$/)
    expect(String(keys.privateKey)).to.equal('[secret]')
    expect(keys.privateKey.reveal()).to.match(/^-----BEGIN OPENSSH PRIVATE KEY-----\n/)
    expect((await readdir(tmpdir())).filter((name) => name.startsWith('berth-key-'))).to.deep.equal([])
    expect(await readFile(join(bare.path, 'config'), 'utf8')).not.to.include('ssh')
  })
})
