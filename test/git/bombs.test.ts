import { expect } from 'chai'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { pkt } from '../../src/git/pkt-line.js'
import type { App } from '../../src/store/apps.js'
import { authorization, commit, entry, head, multiply, none, object, pack, push, pushObjects, tree } from './packs.js'
import { gitRig, type GitRig } from './rig.js'

const mebibyte = 1024 * 1024

describe('a push that is a bomb', function () {
  this.timeout(60_000)
  let rig: GitRig
  let app: App
  let name = ''
  let count = 0
  before(async () => {
    rig = await gitRig({
      patienceMs: 700,
      settings: {
        BERTH_GIT_MEMORY: '256',
        BERTH_GIT_SECONDS: '1',
        BERTH_PUSH_TREE: '20',
        BERTH_PUSH_FILES: '5000',
        BERTH_PUSH_SIZE: '8',
      },
    })
  })
  beforeEach(async () => {
    name = `bomb${String((count += 1))}`
    app = await rig.app(name)
  })
  afterEach(async () => {
    expect(await rig.store.operations.list(app.id)).to.have.length(0)
    expect(await rig.tip(app)).to.equal(null)
    expect(await rig.fsck(app)).to.equal('')
    const kibibytes = Number(execFileSync('du', ['-sk', rig.repository(app)], { encoding: 'utf8' }).split('\t')[0])
    expect(kibibytes).to.be.lessThan(1024)
  })
  after(() => rig[Symbol.asyncDispose]())

  const refused = ({ text }: { text: string }, words: RegExp): void => {
    expect(text).to.match(words)
    expect(text).to.include('ng refs/heads/main ')
  }
  const file = object('blob', 'x')

  it('by a delta of a gigabyte: git is denied the memory', async () => {
    const base = object('blob', Buffer.alloc(4 * mebibyte))
    const files = tree([['100644', 'x', base.oid]])
    const top = commit(files.oid)
    const entries = [...[base, files, top].map(entry), multiply(base, 256)]
    const body = Buffer.concat([head([none, top.oid, 'refs/heads/main']), pack(entries)])
    expect(body.length).to.be.lessThan(64 * 1024)
    refused(await push(rig, name, body), /more than 256 MiB of memory[\s\S]*BERTH_GIT_MEMORY/)
  })

  it('by a header that counts four thousand million objects', async () => {
    const body = Buffer.concat([head([none, '1'.repeat(40), 'refs/heads/main']), pack([], 0xffff_ffff)])
    refused(await push(rig, name, body), /4294967295 objects[\s\S]*BERTH_GIT_MEMORY/)
  })

  it('by a file of a hundred times what was sent', async () => {
    const blob = object('blob', Buffer.alloc(21 * mebibyte))
    const files = tree([['100644', 'x', blob.oid]])
    refused(
      await pushObjects(rig, name, [blob, files, commit(files.oid)]),
      /take more than 20 MiB[\s\S]*BERTH_PUSH_TREE/,
    )
  })

  it('by a history that takes git for ever', async () => {
    // each is eighty megabytes that must be put together and hashed, of a hundred bytes
    const base = object('blob', Buffer.alloc(10 * mebibyte))
    const entries = Array.from({ length: 400 }, (_, at) => multiply(base, 8, String(at)))
    const body = Buffer.concat([head([none, '1'.repeat(40), 'refs/heads/main']), pack([entry(base), ...entries])])
    refused(await push(rig, name, body), /1 s of processor time[\s\S]*BERTH_GIT_SECONDS/)
  })

  it('by one object twice, in git’s own words', async () => {
    const base = object('blob', 'base')
    const files = tree([['100644', 'x', base.oid]])
    const twice = multiply(base, 2)
    const body = [head([none, '1'.repeat(40), 'refs/heads/main']), pack([...[base, files].map(entry), twice, twice])]
    refused(await push(rig, name, Buffer.concat(body)), /git could not unpack the push: .*appears twice/)
  })

  it('by a tree of a hundred thousand names', async () => {
    const names = Array.from(
      { length: 100_000 },
      (_, at) => ['100644', `n${String(at).padStart(6, '0')}`, file.oid] as const,
    )
    const files = tree(names)
    refused(
      await pushObjects(rig, name, [file, files, commit(files.oid)]),
      /more than 5000 files[\s\S]*BERTH_PUSH_FILES/,
    )
  })

  it('by ten trees that are ten thousand million files', async () => {
    const trees = [tree([['100644', 'x', file.oid]])]
    for (let level = 0; level < 10; level += 1) {
      const below = trees[0]?.oid ?? ''
      trees.unshift(tree(Array.from({ length: 10 }, (_, at) => ['40000', `d${String(at)}`, below] as const)))
    }
    refused(await pushObjects(rig, name, [file, ...trees, commit(trees[0]?.oid ?? '')]), /more than 5000 files/)
  })

  it('by ten thousand million empty directories', async () => {
    const trees = [tree([])]
    for (let level = 0; level < 10; level += 1) {
      const below = trees[0]?.oid ?? ''
      trees.unshift(tree(Array.from({ length: 10 }, (_, at) => ['40000', `d${String(at)}`, below] as const)))
    }
    refused(await pushObjects(rig, name, [...trees, commit(trees[0]?.oid ?? '')]), /more than 5000 files/)
  })

  for (const depth of [101, 10_000])
    it(`by ${String(depth)} directories in one another`, async () => {
      const trees = [tree([['100644', 'x', file.oid]])]
      for (let level = 0; level < depth; level += 1) trees.unshift(tree([['40000', 'd', trees[0]?.oid ?? '']]))
      refused(await pushObjects(rig, name, [file, ...trees, commit(trees[0]?.oid ?? '')]), /path that is too long/)
    })

  for (const length of [256, 100_000])
    it(`by a name of ${String(length)} bytes`, async () => {
      const files = tree([['100644', 'n'.repeat(length), file.oid]])
      refused(await pushObjects(rig, name, [file, files, commit(files.oid)]), /path that is too long/)
    })

  it('by a million refs in one push', async () => {
    const line = pkt(`${none} ${'1'.repeat(40)} refs/heads/${'x'.repeat(20)}`)
    const first = pkt(`${none} ${'1'.repeat(40)} refs/heads/main\0report-status`)
    const lines = Array.from({ length: 20_000 }, (_, at) => {
      line.write(String(at).padStart(20, '0'), line.length - 20)
      return Buffer.from(line)
    })
    const { status, text } = await push(rig, name, Buffer.concat([first, ...lines, Buffer.from('0000')]))
    expect([status, text]).to.deep.equal([413, 'the push names too many refs\npush one branch\n'])
  })

  it('by a ref of digits that a pattern could go through for ever', async () => {
    const { status } = await push(rig, name, head([none, '1'.repeat(40), `refs/heads/${'a'.repeat(60_000)}`]))
    expect(status).to.equal(400)
  })

  it('by gzip, for a push', async () => {
    const body = gzipSync(
      Buffer.concat([head([none, '1'.repeat(40), 'refs/heads/main']), pack([]), Buffer.alloc(24 * mebibyte)]),
    )
    const answer = await push(rig, name, body, { 'content-encoding': 'gzip' })
    expect(answer.text).to.include('ng refs/heads/main ')
  })

  it('by gzip, for the list of its refs', async () => {
    const shallow = Buffer.alloc(32 * mebibyte, pkt(`shallow ${'1'.repeat(40)}`))
    const { status } = await push(rig, name, gzipSync(shallow), { 'content-encoding': 'gzip' })
    expect(status).to.equal(413)
  })

  it('by gzip, for a fetch', async () => {
    const body = gzipSync(
      Buffer.concat([pkt(`want ${'1'.repeat(40)}\n`), Buffer.alloc(64 * mebibyte, pkt(`have ${'1'.repeat(40)}\n`))]),
    )
    const response = await fetch(`${rig.url}/${name}.git/git-upload-pack`, {
      method: 'POST',
      headers: { authorization: authorization(rig.token), 'content-encoding': 'gzip' },
      body,
    })
    await response.text()
    expect(response.status).to.equal(200)
  })

  /** Sends the beginning at once, and the rest a byte at a time, until it is answered. */
  const drip = async (begin: Buffer, rest: Buffer, headers: string): Promise<string> => {
    const socket = connect(Number(new URL(rig.url).port), '127.0.0.1')
    await once(socket, 'connect')
    socket.write(
      `POST /${name}.git/git-receive-pack HTTP/1.1\r\nHost: x\r\n${headers}Transfer-Encoding: chunked\r\n\r\n`,
    )
    const send = (bytes: Buffer): boolean =>
      socket.write(Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]))
    send(begin)
    let at = 0
    const timer = setInterval(() => send(rest.subarray(at, (at += 1))), 100)
    let text = ''
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
    while (!/ng refs|stopped arriving|token is needed/.test(text)) await once(socket, 'data')
    clearInterval(timer)
    socket.destroy()
    return text
  }
  const withToken = (): string => `Authorization: ${authorization(rig.token)}\r\n`

  it('by a list of refs that never ends', async () => {
    const text = await drip(Buffer.from('00ff'), Buffer.alloc(900, 'x'), withToken())
    expect(text).to.match(/^HTTP\/1.1 400 [\s\S]*stopped arriving/)
  })

  it('by a pack that never ends', async () => {
    const begin = Buffer.concat([head([none, '1'.repeat(40), 'refs/heads/main']), pack([], 9).subarray(0, 12)])
    const text = await drip(begin, entry(object('blob', randomBytes(1000))), withToken())
    refused({ text }, /stopped arriving/)
  })

  it('by a body without a token, which is answered at once', async () => {
    await drip(Buffer.from('00ff'), Buffer.alloc(900, 'x'), withToken())
    expect(await drip(Buffer.from('00ff'), Buffer.alloc(900, 'x'), '')).to.match(/^HTTP\/1.1 401 /)
  })
})
