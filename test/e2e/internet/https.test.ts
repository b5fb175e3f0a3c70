import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect as connectHttp2 } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import { expect } from 'chai'
import { WebSocket } from 'ws'
import type { AppInfo, DomainInfo, PlatformView } from '../../../src/api/contract.js'
import { openStore } from '../../../src/store/store.js'
import { Authority, type Issued } from '../../certificates/authority.js'
import { startPebble, type Pebble } from '../../certificates/pebble.js'
import { startDns } from '../../dns.js'
import { freePort } from '../../free.js'
import { must, run } from '../../run.js'
import { running } from '../apps.js'
import { freshName, startInstance, type Instance, type Repository } from '../instance.js'

/** Says by which scheme it was asked; answers each frame of a WebSocket with one. */
const app = running(`
  const { createHash } = require('crypto')
  const frame = (text) => Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)])
  require('http').createServer((req, res) => setTimeout(() => res.end(req.headers['x-forwarded-proto']), 20))
    .on('upgrade', (req, socket) => {
      const key = createHash('sha1').update(req.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11')
      socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n' +
        'Sec-WebSocket-Accept: ' + key.digest('base64') + '\\r\\n\\r\\n')
      socket.on('error', () => {}).on('data', () => socket.write(frame(req.headers['x-forwarded-proto'])))
    }).listen(process.env.PORT)
`)

describe('HTTPS, from a push to a renewal', function () {
  this.timeout(300_000)
  const used: AsyncDisposable[] = []
  const host = 'shop.example.org'
  const stranger = ['-H', 'X-Forwarded-For: 203.0.113.7', '-H', 'X-Forwarded-Proto: http']
  let dir: string
  let httpsPort: number
  let pebble: Pebble
  let berth: Instance
  let issuer: Issued
  let ca: string
  let root: string
  let name: string
  let repo: Repository
  const { GIT_SSL_CAINFO: elsewhere } = process.env
  before(async () => {
    delete process.env.GIT_SSL_CAINFO // it would go before what a repository says
    dir = await mkdtemp(join(tmpdir(), 'berth-https-'))
    await chmod(dir, 0o755) // the worker is another account's
    const httpPort = await freePort()
    httpsPort = await freePort()
    const dns = await startDns({ 'example.org': ['* A 127.0.0.1'] })
    used.push(dns)
    pebble = await startPebble({ httpPort, dns: dns.address })
    used.push(pebble)
    const authority = await Authority.open()
    used.push(authority)
    issuer = await authority.issue(null, { subject: '/CN=Own CA', authority: true })
    const leaf = await authority.issue(issuer, { names: ['berth.apps.localhost'] })
    const files = { 'ca.pem': issuer.cert, 'leaf.pem': leaf.cert, 'key.pem': leaf.key, 'acme.pem': pebble.ca }
    for (const [file, pem] of Object.entries(files)) await writeFile(join(dir, file), pem)
    await writeFile(join(dir, 'root.pem'), (root = await pebble.root()))
    ca = join(dir, 'ca.pem')
    berth = await startInstance({
      settings: {
        BERTH_DOMAIN: 'apps.localhost',
        BERTH_HTTP_PORT: String(httpPort),
        BERTH_HTTPS_PORT: String(httpsPort),
        BERTH_ACME_DIRECTORY: pebble.directory,
        BERTH_ACME_CA: join(dir, 'acme.pem'),
        BERTH_TRUSTED_PROXIES: '127.0.0.1',
      },
    })
    used.push(berth)
  })
  after(async () => {
    if (elsewhere !== undefined) process.env.GIT_SSL_CAINFO = elsewhere
    for (const one of used.reverse()) await one[Symbol.asyncDispose]()
    await rm(dir, { recursive: true, force: true })
  })

  const url = () => `https://berth.apps.localhost:${String(httpsPort)}`
  /** As somebody elsewhere, who has logged in by HTTPS. */
  const laptop = () => ({ ...berth.env, BERTH_CONFIG_DIR: join(dir, 'laptop') })
  const succeed = async (args: readonly string[], more: { cwd?: string; input?: string } = {}): Promise<string> => {
    const { code, stdout, stderr } = await berth.berth(args, { env: laptop(), ...more })
    expect(code, stderr).to.equal(0)
    return stdout
  }
  const curl = async (...args: string[]) => {
    const to = ['--resolve', `${host}:${String(httpsPort)}:127.0.0.1`, '--cacert', join(dir, 'root.pem')]
    const show = ['-sS', '-D', '-', '-w', '\n%{http_version} %{ssl_verify_result}', '--max-time', '30']
    return must('curl', [...to, ...show, ...args, `https://${host}:${String(httpsPort)}/`], { env: berth.env })
  }
  const greet = async (more: { session?: Buffer } = {}): Promise<TLSSocket> => {
    const socket = connect({ host: '127.0.0.1', port: httpsPort, servername: host, ca: root, ...more })
    await once(socket, 'secureConnect')
    return socket
  }
  const serialShown = async (): Promise<string> => {
    const socket = await greet()
    const { serialNumber = '' } = socket.getPeerX509Certificate() ?? {}
    socket.destroy()
    return serialNumber
  }

  it('lets in somebody elsewhere with a token, who believes the certificate', async () => {
    await using store = await openStore(berth.config)
    const token = (await store.tokens.create('laptop')).reveal()
    const login = (...more: string[]) => berth.berth(['login', url(), ...more], { env: laptop(), input: `${token}\n` })
    expect((await login()).stderr)
      .to.include('nobody vouches for')
      .and.include('certs:add --platform')
    await berth.succeed('certs:add', join(dir, 'leaf.pem'), join(dir, 'key.pem'), '--platform')
    let said = await login('--ca', ca)
    // the router hears of it some milliseconds later
    for (const late = Date.now() + 10_000; said.code !== 0 && Date.now() < late;) said = await login('--ca', ca)
    expect(said.stderr).to.include(`Logged in at ${url()}`)
    expect((await login()).stderr, 'without the file').to.include('--ca FILE')
    const about = JSON.parse(await succeed(['domains', '--platform', '--json'])) as PlatformView
    expect(about).to.deep.include({ url: url(), httpsUrl: url(), https: false, unordered: null })
    expect(about.certificate?.source).to.equal('own')
  })

  it('takes a push, and answers at a domain whose certificate was ordered, by HTTP/2 and HTTP/1.1', async () => {
    repo = await berth.repository(app)
    name = freshName('shop')
    await succeed(['apps:create', name], { cwd: repo.dir })
    expect((await repo.git('remote', 'get-url', 'berth')).stdout.trim()).to.equal(`${url()}/${name}.git`)
    const { code, stderr } = await repo.push()
    expect(code, stderr).to.equal(0)
    const copy = join(dir, 'copy')
    const helper = `credential.helper=store --file=${join(dir, 'laptop', 'git-credentials')}`
    const cloned = ['-c', `http.sslCAInfo=${ca}`, '-c', helper, 'clone', '-q', `${url()}/${name}.git`, copy]
    await must('git', cloned, { env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0' } })
    expect(await readFile(join(copy, 'server.js'), 'utf8')).to.equal(app['server.js'])
    expect(await succeed(['run', '-a', name, '--', 'echo', 'over', 'wss'])).to.equal('over wss\n')

    await succeed(['domains:add', host, '-a', name])
    await succeed(['certs:auto', 'on', '-a', name])
    for (;;) {
      const all = JSON.parse(await succeed(['domains', '--json', '-a', name])) as DomainInfo[]
      if (all.find((one) => one.host === host)?.certificate) break
      await sleep(100) // nobody tells the command line
    }
    expect(await curl('--http2')).to.match(/^HTTP\/2 200[^]*\nhttps\n2 0$/)
    expect(await curl('--http1.1')).to.match(/^HTTP\/1\.1 200[^]*\nhttps\n1\.1 0$/)
    await succeed(['domains:https', 'on', '--hsts', '1d', '-a', name])
    while (!(await curl('--http2')).includes('strict-transport-security: max-age=86400')) await sleep(50)
    const sent = ['-sS', '-o', '/dev/null', '-w', '%{http_code} %{redirect_url}', '-H', `Host: ${host}`]
    expect(await must('curl', [...sent, `http://127.0.0.1:${String(berth.config.httpPort)}/a?b`])).to.equal(
      `301 https://${host}:${String(httpsPort)}/a?b`,
    )
    const info = JSON.parse(await succeed(['apps:info', '-a', name, '--json'])) as AppInfo
    expect(info.url).to.equal(`https://${name}.apps.localhost:${String(httpsPort)}`)
  })

  it('shows a new certificate under running requests, of which none is lost, nor a WebSocket', async () => {
    const before = await serialShown()
    const lookup = (_: string, __: unknown, found: (error: null, all: unknown) => void) =>
      found(null, [{ address: '127.0.0.1', family: 4 }])
    const socket = new WebSocket(`wss://${host}:${String(httpsPort)}/`, { ca: root, lookup: lookup as never })
    await once(socket, 'open')
    const echo = async (): Promise<string> => {
      socket.send('x')
      return String(((await once(socket, 'message')) as [Buffer])[0])
    }
    expect(await echo()).to.equal('https')
    const session = connectHttp2(`https://${host}:${String(httpsPort)}`, { ca: root, lookup: lookup as never })
    const answers: string[] = []
    let ends = false
    const overSession = async (): Promise<void> => {
      while (!ends) answers.push(await text(session.request({ ':path': '/' }).end()))
    }
    const overNew = async (): Promise<void> => {
      while (!ends) {
        const one = await greet()
        one.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
        answers.push((await text(one)).split('\r\n\r\n')[1] ?? 'cut off')
      }
    }
    const load = Promise.all([overSession(), overSession(), overNew(), overNew()])
    await succeed(['certs:renew', host, '-a', name])
    try {
      for (const late = Date.now() + 60_000; (await serialShown()) === before;) {
        if (Date.now() > late) throw new Error('it is the same certificate still')
        await sleep(50)
      }
      const count = answers.length
      while (answers.length < count + 20) await sleep(10) // some more on the new one
    } finally {
      ends = true
      await load
    }
    expect(new Set(answers)).to.deep.equal(new Set(['https']))
    expect(await echo(), 'the WebSocket of before').to.equal('https')
    socket.terminate()
    session.destroy()
  })

  it('may be the only way to Berth itself', async () => {
    const refused = await berth.berth(['domains:https', 'on', '--platform'])
    expect([refused.code, /berth login https:/.test(refused.stderr)]).to.deep.equal([1, true])
    const plain = `http://berth.apps.localhost:${String(berth.config.httpPort)}`
    const ask = (path: string, ...more: string[]) =>
      must('curl', ['-sS', '-o', '/dev/null', '-w', '%{http_code} %{redirect_url}', ...stranger, ...more, plain + path])
    expect(await ask('/api/apps')).to.match(/^401/)
    await succeed(['domains:https', 'on', '--platform'])
    expect(await ask('/api/apps')).to.match(/^403/)
    expect(await ask('/x', '-H', 'Accept: text/html')).to.equal(`307 ${url()}/x`)
    const pushed = await run(
      'git',
      ['-c', 'http.extraHeader=X-Forwarded-For: 203.0.113.7', 'push', `${plain}/${name}.git`, 'HEAD:main'],
      { cwd: repo.dir, env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0' } },
    )
    expect(pushed.stderr).to.include('reached by HTTPS alone').and.include('403')
    await repo.commit({ 'more.txt': 'x' })
    expect((await repo.push()).code).to.equal(0)
    await succeed(['domains:https', 'off', '--platform'])
    expect(await ask('/api/apps')).to.match(/^401/)
  })
})
