import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { BerthError } from '../../../src/errors.js'
import { Disk } from '../../../src/git/disk.js'
import { fetchObjects, type LfsFetch } from '../../../src/git/lfs/fetch.js'
import { objectFile } from '../../../src/git/lfs/objects.js'
import { Secret } from '../../../src/lib/secret.js'

const pointerTo = (path: string, content: string) => ({
  path,
  oid: createHash('sha256').update(content).digest('hex'),
  size: Buffer.byteLength(content),
})

describe('objects of an LFS server elsewhere', () => {
  const [one, two] = [pointerTo('a.bin', 'one'), pointerTo('b.bin', 'two')]
  let server: Server
  let serve: (from: IncomingMessage, to: ServerResponse) => void
  let base: string
  let repository: string
  let asked: string[] = []
  before(async () => {
    server = createServer((from, to) => {
      asked.push(`${from.url ?? ''} ${from.headers.authorization ?? '-'}`)
      serve(from, to)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(async () => {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
  })
  beforeEach(async () => {
    asked = []
    repository = await mkdtemp(join(tmpdir(), 'berth-lfs-'))
  })
  afterEach(() => rm(repository, { recursive: true }))

  /** Answers a batch with these downloads; what a GET gets is for `get`. */
  const batch =
    (
      downloads: readonly object[],
      get: (from: IncomingMessage, to: ServerResponse) => void = (_, to) => to.end('one'),
    ) =>
    (from: IncomingMessage, to: ServerResponse): void => {
      if (from.method === 'GET') get(from, to)
      else to.end(JSON.stringify({ transfer: 'basic', objects: downloads }))
    }
  const at = (href: string, more: object = {}, { oid, size } = one) => ({
    oid,
    size,
    actions: { download: { href, ...more } },
  })

  const fetch = async (patch: Partial<LfsFetch> = {}, pointers = [one]): Promise<string> => {
    const whither = {
      repository,
      disk: new Disk(repository, 0),
      domain: 'apps.example',
      path: 'source',
      hint: 'send it',
    }
    const whence = { trusted: ['127.0.0.1'], url: new URL(`${base}/lfs`), login: null }
    const result = await fetchObjects(
      { ...whither, ...whence, signal: new AbortController().signal, ...patch },
      pointers,
    ).then(
      (count) => `${String(count)} fetched`,
      (error: unknown) => {
        if (!(error instanceof BerthError)) throw error
        return `${error.fault}: ${error.message}; ${error.hint ?? ''}`
      },
    )
    const incoming = join(repository, 'lfs', 'incoming')
    if (readdirSync(repository).length > 0) expect(readdirSync(incoming), 'left behind').to.deep.equal([])
    return result
  }

  it('are fetched once, each with what its server says it takes', async () => {
    serve = batch(
      [at('/a', { header: { 'X-Key': '1', Host: 'evil', Authorization: 'Of a' } }), at(`${base}/b`, {}, two)],
      ({ url, headers }, to) => {
        if (url === '/a') to.writeHead(302, { Location: '/moved' }).end()
        else to.end(url === '/moved' && headers['x-key'] === '1' && headers.host !== 'evil' ? 'one' : 'two')
      },
    )
    const login = { user: 'me', password: new Secret('hunter2') }
    expect(await fetch({ login }, [one, two, { ...one, path: 'again.bin' }])).to.equal('2 fetched')
    expect(readFileSync(objectFile(repository, one.oid), 'utf8')).to.equal('one')
    const mine = `Basic ${Buffer.from('me:hunter2').toString('base64')}`
    expect(asked.sort()).to.deep.equal(['/a Of a', `/b ${mine}`, `/lfs/objects/batch ${mine}`, '/moved Of a'].sort())
    expect(await fetch({}, [one, two])).to.equal('0 fetched')
  })

  it('tell a password to their own server alone', async () => {
    const other = base.replace('127.0.0.1', 'localhost')
    serve = batch([at(`${other}/x`)])
    const lookup = () => Promise.resolve(['127.0.0.1'])
    const login = { user: 'me', password: new Secret('hunter2') }
    const trusted = ['127.0.0.1', 'localhost']
    expect(await fetch({ login, lookup, trusted })).to.equal('1 fetched')
    expect(asked.at(-1)).to.equal('/x -')
  })

  it('are not looked for at private addresses, in other apps, or in files', async () => {
    expect(await fetch({ trusted: [] })).to.match(/^denied: source: http:\S+ leads to a private address/)
    for (const [href, words] of [
      ['http://169.254.169.254/latest', /^denied: source: a\.bin: http:\S+ leads to a private address/],
      ['http://berth.apps.example/x', /^denied: source: a\.bin: \S+ is an app of this server/],
      ['file:///etc/passwd', /^denied: source: a\.bin: http:\S+ leads to \S+, which is not encrypted/],
    ] as const) {
      serve = batch([at(href)])
      expect(await fetch(), href).to.match(words)
    }
    for (const [to, words] of [
      ['http://10.0.0.1/', /leads to a private address/],
      ['file:///etc/passwd', /which is not encrypted/],
      ['/again', /answers 307 in its place/],
    ] as const) {
      serve = batch([at('/x')], (_, answer) => answer.writeHead(307, { Location: to }).end())
      expect(await fetch(), to).to.match(words)
    }
  })

  it('are refused by name when they are others, or not there', async () => {
    for (const [get, words] of [
      ['eno', /^invalid: source: a\.bin: the LFS object \w+ has the digest \w+; send it/],
      ['on', /^invalid: source: a\.bin: the LFS object \w+ ended after 2 of 3 bytes/],
      ['more', /^invalid: source: a\.bin: the LFS object \w+ has more than its 3 bytes/],
    ] as const) {
      serve = batch([at('/x')], (_, to) => to.end(get))
      expect(await fetch()).to.match(words)
    }
    serve = batch([at('/x')], (_, to) => to.writeHead(404).end())
    expect(await fetch()).to.match(/^missing: source: a\.bin: Git LFS keeps this file, and http:\S+ answers 404/)
    serve = batch([at('/x')], (_, to) => to.writeHead(200, { 'Content-Length': '3' }).write('o', () => to.destroy()))
    expect(await fetch()).to.match(/^(unavailable|invalid): source: a\.bin: /)
    for (const objects of [
      [],
      [{ ...at('/x'), size: 4 }],
      [{ oid: one.oid, size: 3, error: { code: 404, message: 'no' } }],
      [{ oid: one.oid, size: 3, actions: { download: { href: 1 } } }],
      [null, 1, {}],
    ] as object[][]) {
      serve = batch(objects)
      expect(await fetch({}, [one, two])).to.match(
        /^missing: source: a\.bin, b\.bin: Git LFS keeps these files, and http:\S+ does not have them; send it/,
      )
    }
  })

  it('are not had from what is no LFS server, or wants a password', async () => {
    for (const [answer, words] of [
      [
        401,
        /^denied: source: http:\S+, where its files of Git LFS are, wants a password; `berth git:auth 127.0.0.1:\d+ USER`/,
      ],
      [
        404,
        /^missing: source: http:\S+, where its files of Git LFS should be, answers 404; lfs\.url in .*; else send it/,
      ],
      [302, /^unavailable: source: http:\S+, where its files of Git LFS should be, answers 302/],
      ['<html>', /^unavailable: source: what http:\S+ answers is none of Git LFS/],
      ['{"objects": 1}', /is none of Git LFS/],
      ['x'.repeat(2 ** 21), /^unavailable: source: http:\S+ broke off/],
      [null, /^unavailable: source: http:\S+ cannot be reached: /],
    ] as const) {
      serve = (_, to) => {
        if (answer === null) to.destroy()
        else if (typeof answer === 'number') to.writeHead(answer, { Location: '/else' }).end()
        else to.end(answer)
      }
      expect(await fetch()).to.match(words)
    }
    serve = (_, to) => void to.writeHead(401).end()
    const login = { user: 'me', password: new Secret('hunter2') }
    expect(await fetch({ login }))
      .to.match(/refuses the password of me/)
      .and.not.include('hunter2')
    serve = () => undefined
    expect(await fetch({ signal: AbortSignal.timeout(100) })).to.match(/it took too long/)
  })
})
