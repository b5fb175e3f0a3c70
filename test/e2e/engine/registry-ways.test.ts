import { expect } from 'chai'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hubDomain, hubIndex } from '../../../src/engine/oci/reference.js'
import { must } from '../../run.js'
import { baseArchive, openDocker, oracle, type DockerEngine } from './harness.js'
import { openProxy, type Proxy } from './proxy-lab.js'
import { listen, makeAuthority, makeImage, openRegistry, type Place } from './registry-lab.js'
import { freePort } from '../../free.js'

/** Docker Hub's index as far as a search goes: what it is asked for is what it has. */
const found = [
  { name: 'thing', description: 'The thing', star_count: 7, is_official: true, is_automated: false },
  { name: 'me/thing', description: 'Mine', star_count: 2, is_official: false, is_automated: false },
  { name: 'you/thing', description: '', star_count: 0, is_official: false, is_automated: false },
]

describe('the way to a registry', () => {
  let dir: string, engine: DockerEngine, mirror: Place, secure: Place, plain: Place, proxy: Proxy, index: Server
  const searched: string[] = []
  before(async () => {
    await baseArchive() // made by way of the proxy it could not be
    dir = await mkdtemp(join(tmpdir(), 'berth-ways-'))
    const authority = await makeAuthority(dir, 'DNS:registry.test', `DNS:${hubIndex}`)
    const certificates = join(dir, 'certs.d')
    for (const host of ['registry.test', hubDomain, hubIndex]) {
      await mkdir(join(certificates, host), { recursive: true })
      await copyFile(authority.ca, join(certificates, host, 'ca.crt'))
    }
    const [mirrorPort, proxyPort] = [await freePort(), await freePort()]
    const way = `http://me:secret@127.0.0.1:${proxyPort}`
    engine = await openDocker({
      certificates,
      flags: [
        ...['--registry-mirror', `http://127.0.0.1:${mirrorPort}`],
        ...['--insecure-registry', 'plain.test', '--insecure-registry', '192.0.2.0/24'],
      ],
      env: { HTTP_PROXY: way, HTTPS_PROXY: way, NO_PROXY: 'direct.test,.inside.test,198.51.100.0/24' },
    })
    mirror = await openRegistry(engine, { port: mirrorPort })
    secure = await openRegistry(undefined, { http: `tls: {certificate: "${authority.cert}", key: "${authority.key}"}` })
    plain = await openRegistry(undefined)
    const pair = { cert: await readFile(authority.cert), key: await readFile(authority.key) }
    index = createServer(pair, (from, to) => {
      const search = from.url?.startsWith('/v1/search') === true
      if (search) searched.push(from.url ?? '')
      to.writeHead(search ? 200 : 404, { 'content-type': 'application/json' })
      to.end(JSON.stringify({ num_results: found.length, query: 'thing', results: found }))
    }).listen(0, '127.0.0.1')
    await once(index, 'listening')
    const hosts = new Map([
      ['registry.test:443', secure.host],
      ['plain.test:80', plain.host],
      [`${hubIndex}:443`, `127.0.0.1:${(index.address() as AddressInfo).port}`],
    ])
    proxy = await openProxy(engine, proxyPort, 'me:secret', hosts)
  })
  beforeEach(() => {
    proxy.asked.length = 0
  })
  after(async () => {
    index.closeAllConnections()
    index.close()
    for (const place of [proxy, mirror, secure, plain, engine]) await place[Symbol.asyncDispose]()
    await rm(dir, { recursive: true, force: true })
  })

  const fails = async (...args: string[]) => {
    const { code, stderr } = await engine.docker(...args)
    expect(code, args.join(' ')).to.equal(1)
    return stderr
  }
  const roundTrip = async (name: string) => {
    const id = await makeImage(engine, name, name)
    await engine.must('push', '-q', name)
    await engine.must('rmi', name)
    await engine.must('pull', '-q', name)
    expect(await engine.must('image', 'inspect', '-f', '{{.Id}}', name)).to.equal(id)
  }

  it('is told by info', async () => {
    const info = JSON.parse(await engine.must('info', '-f', '{{json .}}')) as Record<string, unknown>
    expect(info.IndexServerAddress).to.equal(`https://${hubIndex}/v1/`)
    expect(info.HttpProxy).to.match(/^http:\/\/xxxxx:xxxxx@127\.0\.0\.1:\d+$/)
    expect(info.NoProxy).to.equal('direct.test,.inside.test,198.51.100.0/24')
    const registries = info.RegistryConfig as Record<string, string[]> & { IndexConfigs: Record<string, object> }
    expect(registries.Mirrors).to.deep.equal([`http://${mirror.host}/`])
    expect(registries.InsecureRegistryCIDRs).to.include.members(['127.0.0.0/8', '192.0.2.0/24'])
    const { IndexConfigs } = registries
    expect(IndexConfigs[hubDomain]).to.include({ Name: hubDomain, Official: true, Secure: true })
    expect(IndexConfigs['plain.test']).to.deep.equal({
      Name: 'plain.test',
      Mirrors: [],
      Official: false,
      Secure: false,
    })
  })

  it('of Docker Hub’s images is a mirror first, and Docker Hub for what it has not', async () => {
    const name = `${mirror.host}/library/mirrored:1`
    const id = await makeImage(engine, name, 'mirrored')
    await engine.must('push', '-q', name)
    await engine.must('rmi', name)
    expect(await engine.must('pull', 'mirrored:1')).to.include('Downloaded newer image for mirrored:1')
    expect(await engine.must('image', 'inspect', '-f', '{{.Id}}', 'mirrored:1')).to.equal(id)
    expect(proxy.asked).to.deep.equal([])
    await fails('pull', 'nowhere:1')
    expect(proxy.asked.some((line) => line.endsWith(`.${hubDomain}:443`))).to.equal(true)
    // a mirror is read from only
    proxy.asked.length = 0
    await engine.must('tag', 'mirrored:1', 'me/pushed:1')
    await fails('push', 'me/pushed:1')
    expect(proxy.asked.some((line) => line.endsWith(`.${hubDomain}:443`))).to.equal(true)
  })

  it('is a tunnel through the proxy of the daemon’s environment', async () => {
    await roundTrip('registry.test/me/tunnel:1')
    expect(new Set(proxy.asked)).to.deep.equal(new Set(['CONNECT registry.test:443']))
  })

  it('without TLS is the proxy too', async () => {
    await roundTrip('plain.test/me/plain:1')
    expect(proxy.asked).to.include('GET http://plain.test/v2/')
  })

  it('is no proxy for what NO_PROXY lists, nor for loopback', async () => {
    expect(await fails('pull', 'direct.test/x:1')).to.match(/lookup direct\.test/)
    expect(await fails('pull', 'sub.direct.test/x:1')).to.match(/lookup sub\.direct\.test/)
    expect(await fails('pull', 'a.inside.test/x:1')).to.match(/lookup a\.inside\.test/)
    expect(await fails('pull', '127.0.0.1:5/x:1')).to.include('connection refused')
    expect(proxy.asked).to.deep.equal([])
  })

  it('is told when the proxy refuses it', async () => {
    expect(await fails('pull', 'closed.test/x:1')).to.match(/Get "https:\/\/closed\.test\/v2\/": .*Forbidden/)
  })

  it('of a search is Docker Hub’s index', async () => {
    const format = ['--format', '{{.Name}} {{.StarCount}} {{.IsOfficial}}']
    expect(await engine.must('search', ...format, 'thing')).to.equal('thing 7 [OK]\nme/thing 2 \nyou/thing 0')
    expect(searched.at(-1)).to.equal('/v1/search?q=thing&n=25')
    expect(proxy.asked).to.include(`CONNECT ${hubIndex}:443`)
    const search = (...args: string[]) => engine.must('search', '--format', '{{.Name}}', ...args, 'thing')
    expect(await search('--filter', 'stars=2')).to.equal('thing\nme/thing')
    expect(await search('--filter', 'is-official=true')).to.equal('thing')
    expect(await search('--filter', 'is-official=false', '--filter', 'stars=1')).to.equal('me/thing')
    expect(await search('--filter', 'is-automated=false')).to.equal('thing\nme/thing\nyou/thing')
    await engine.must('search', 'library/thing')
    expect(searched.at(-1)).to.equal('/v1/search?q=thing&n=25')
    await search('--limit', '5')
    expect(searched.at(-1)).to.equal('/v1/search?q=thing&n=5')
  })

  it('of a search in another registry is that one’s own', async () => {
    await using old = await listen((from, to) => {
      const url = new URL(from.url ?? '', 'http://old')
      if (url.pathname === '/v1/_ping') to.writeHead(200, { 'X-Docker-Registry-Standalone': 'true' }).end('true')
      else if (url.pathname !== '/v1/search') to.writeHead(404).end()
      else to.end(JSON.stringify({ results: [{ name: `library/${url.searchParams.get('q') ?? ''}`, star_count: 1 }] }))
    }, engine)
    expect(await engine.must('search', '--format', '{{.Name}} {{.StarCount}}', `${old.host}/thing`)).to.equal(
      'library/thing 1',
    )
    if (oracle) return // dockerd knows of no catalog
    for (const name of ['me/fish', 'you/fishes', 'bird']) {
      await makeImage(engine, `${mirror.host}/${name}`, name)
      await engine.must('push', '-q', `${mirror.host}/${name}`)
    }
    const search = (term: string) => engine.must('search', '--format', '{{.Name}}', `${mirror.host}/${term}`)
    expect(await search('fish')).to.equal(`${mirror.host}/me/fish\n${mirror.host}/you/fishes`)
    expect(await search('stone')).to.equal('')
  })

  it('of a search is checked before it is gone', async () => {
    const status = async (query: string) => {
      const url = `http://docker/v1.41/images/search?${query}`
      return must('curl', ['-sg', '--unix-socket', engine.socket, '-o', '/dev/null', '-w', '%{http_code}', url])
    }
    for (const query of [
      'limit=101',
      'limit=-1',
      'filters={"stars":["many"]}',
      'filters={"is-official":["maybe"]}',
      'filters={"is-automated":["maybe"]}',
      'filters={"size":["big"]}',
    ])
      expect(await status(`term=thing&${query}`), query).to.equal('400')
    expect(await fails('search', '127.0.0.1:5/thing')).to.include('connection refused')
    expect(await fails('search', 'direct.test/thing')).to.match(/lookup direct\.test/)
  })
})
