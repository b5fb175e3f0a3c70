import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { chmod, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { operationFiles } from '../../../src/builds/files.js'
import { objectFile } from '../../../src/git/lfs/objects.js'
import type { App } from '../../../src/store/apps.js'
import { gitRig, type GitRig, type WorkingCopy } from '../rig.js'

const digestOf = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')

describe('files that Git LFS keeps', function () {
  this.timeout(30_000)
  let rig: GitRig
  let app: App
  let name = ''
  let count = 0
  const large = randomBytes(3 * 1024 * 1024)
  before(async () => {
    rig = await gitRig({ settings: { BERTH_PUSH_TREE: '16' } })
  })
  beforeEach(async () => {
    rig.fate = () => null
    name = `lfs${String((count += 1))}`
    app = await rig.app(name)
  })
  after(() => rig[Symbol.asyncDispose]())

  const authorization = (): string => `Basic ${Buffer.from(`x:${rig.token}`).toString('base64')}`
  const ask = (
    path: string,
    init: { method?: string; body?: string | Buffer<ArrayBuffer>; headers?: Record<string, string> } = {},
  ): Promise<Response> =>
    fetch(`${rig.url}/${name}.git/info/lfs/${path}`, {
      ...init,
      headers: { authorization: authorization(), ...init.headers },
    })
  const put = (oid: string, size: number, body: Buffer<ArrayBuffer> | string): Promise<Response> =>
    ask(`objects/${oid}/${String(size)}`, { method: 'PUT', body })
  const messageOf = async (response: Response): Promise<string> =>
    ((await response.json()) as { message: string }).message
  const incoming = (): string[] => readdirSync(join(rig.repository(app), 'lfs', 'incoming'))

  /** A working copy of somebody who has Git LFS. */
  async function copyWithLfs(files: Readonly<Record<string, string>> = {}): Promise<WorkingCopy> {
    const copy = await rig.clone(name, {
      'index.html': 'hi',
      '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n',
    })
    await copy.git('lfs', 'install', '--local')
    await writeFile(join(copy.dir, 'a.bin'), large)
    await copy.commit(files)
    return copy
  }

  it('are pushed by git-lfs, built as they are, and cloned again', async () => {
    const copy = await copyWithLfs({ 'art/tool.bin': '#!/bin/sh\n', 'empty.bin': '' })
    await chmod(join(copy.dir, 'art/tool.bin'), 0o755)
    await copy.commit({})
    const seen: string[] = []
    rig.fate = ({ id }) => {
      const tree = operationFiles(rig.config, id).source
      const tool = statSync(join(tree, 'art/tool.bin'))
      seen.push(
        [digestOf(readFileSync(join(tree, 'a.bin'))), tool.size, (tool.mode & 0o777).toString(8)].join(' '),
        (statSync(join(tree, 'a.bin')).mode & 0o777).toString(8),
      )
      return null
    }
    const pushed = await copy.git('push', 'berth', 'main')
    expect(pushed.code, pushed.stderr).to.equal(0)
    const right = [`${digestOf(large)} 10 755`, '644']
    expect(seen).to.deep.equal(right)
    await copy.commit({ 'index.html': 'another' })
    const again = await copy.git('push', 'berth', 'main')
    expect(again.code, again.stderr).to.equal(0)
    expect(seen).to.deep.equal([...right, ...right])
    expect(readFileSync(objectFile(rig.repository(app), digestOf(large))).equals(large)).to.equal(true)
    expect(incoming()).to.deep.equal([])
    const other = await rig.clone(name)
    await other.git('lfs', 'install', '--local')
    const pulled = await other.git(
      'pull',
      '-q',
      '--no-rebase',
      '--no-edit',
      '--allow-unrelated-histories',
      '-X',
      'theirs',
      'berth',
      'main',
    )
    expect(pulled.code, pulled.stderr).to.equal(0)
    expect(digestOf(readFileSync(join(other.dir, 'a.bin')))).to.equal(digestOf(large))
  })

  it('refuse a push of their pointers alone, and take it once they are there', async () => {
    const copy = await copyWithLfs()
    const bare = await copy.git('push', '--no-verify', 'berth', 'main')
    expect(bare.code).to.equal(1)
    expect(bare.stderr).to.match(/a\.bin: Git LFS keeps these files[\s\S]*git lfs push --all berth/)
    expect(await rig.tip(app)).to.equal(null)
    expect((await copy.git('lfs', 'push', '--all', 'berth')).code).to.equal(0)
    const pushed = await copy.git('push', '--no-verify', 'berth', 'main')
    expect(pushed.code, pushed.stderr).to.equal(0)
  })

  it('are put in place once: one that reads as a pointer itself is no pointer', async () => {
    const pointerTo = (text: string): string =>
      `version https://git-lfs.github.com/spec/v1\noid sha256:${digestOf(text)}\nsize ${String(text.length)}\n`
    const inner = pointerTo('nobody has this')
    const copy = await rig.clone(name, { '.gitattributes': '*.bin filter=lfs -text\n', 'odd.bin': pointerTo(inner) })
    expect((await put(digestOf(inner), inner.length, inner)).status).to.equal(200)
    const seen: string[] = []
    rig.fate = ({ id }) => {
      seen.push(readFileSync(join(operationFiles(rig.config, id).source, 'odd.bin'), 'utf8'))
      return null
    }
    for (const text of ['one', 'two']) {
      await copy.commit({ 'index.html': text })
      const pushed = await copy.git('push', '--no-verify', 'berth', 'main')
      expect(pushed.code, pushed.stderr).to.equal(0)
    }
    expect(seen).to.deep.equal([inner, inner])
  })

  it('are no more than a tree may hold', async () => {
    const copy = await copyWithLfs()
    for (const one of [1, 2, 3, 4, 5, 6, 7])
      await writeFile(join(copy.dir, `${String(one)}.bin`), Buffer.alloc(2 * 1024 * 1024 + one))
    await copy.commit({})
    const pushed = await copy.git('push', 'berth', 'main')
    expect([pushed.code, pushed.stderr.match(/more than 16 MiB with those of Git LFS/)?.length]).to.deep.equal([1, 1])
    const huge = await put('b'.repeat(64), 17 * 1024 * 1024, 'x')
    expect([huge.status, await messageOf(huge)]).to.deep.equal([
      413,
      `the LFS object ${'b'.repeat(64)} is larger than 16 MiB: keep it elsewhere, or raise BERTH_PUSH_TREE on the server`,
    ])
  })

  it('are taken whole and right, or not at all', async () => {
    const oid = digestOf('right')
    for (const [status, size, body, words] of [
      [422, 5, 'wrong', /has the digest/],
      [422, 5, 'righ', /ended after 4 of 5/],
      [413, 4, 'right', /more bytes than it should/],
    ] as const) {
      const response = await put(oid, size, body)
      expect(response.status).to.equal(status)
      expect(await messageOf(response)).to.match(words)
      expect(incoming()).to.deep.equal([])
      expect((await ask(`objects/${oid}/5`)).status).to.equal(404)
    }
    expect((await put(oid, 5, 'right')).status).to.equal(200)
    expect((await put(oid, 5, 'right')).status, 'again').to.equal(200)
    const whole = await ask(`objects/${oid}/5`)
    expect([whole.status, await whole.text()]).to.deep.equal([200, 'right'])
    expect((await ask(`objects/${oid}/6`)).status, 'of another size').to.equal(404)
  })

  it('are fetched on from where it broke off', async () => {
    const oid = digestOf('0123456789')
    await put(oid, 10, '0123456789')
    const rest = await ask(`objects/${oid}/10`, { headers: { range: 'bytes=4-' } })
    expect([rest.status, rest.headers.get('content-range'), await rest.text()]).to.deep.equal([
      206,
      'bytes 4-9/10',
      '456789',
    ])
    const last = await ask(`objects/${oid}/10`, { headers: { range: 'bytes=4-9' } })
    expect([last.status, await last.text()]).to.deep.equal([206, '456789'])
    for (const range of ['bytes=4-5', 'bytes=10-', 'bytes=-3', 'lines=1-', 'bytes=1-,3-']) {
      const response = await ask(`objects/${oid}/10`, { headers: { range } })
      expect([range, response.status, await response.text()]).to.deep.equal([range, 200, '0123456789'])
    }
  })

  it('leave nothing when an upload was broken off a day ago', async () => {
    await put(digestOf('a'), 1, 'a')
    const left = join(rig.repository(app), 'lfs', 'incoming', 'left')
    await writeFile(left, 'half')
    await put(digestOf('b'), 1, 'b')
    expect(incoming(), 'it may be arriving').to.deep.equal(['left'])
    await utimes(left, 1, 1)
    await put(digestOf('c'), 1, 'c')
    expect(incoming()).to.deep.equal([])
  })

  it('are given to nobody without a token, nor taken from them', async () => {
    const oid = digestOf('secret')
    await put(oid, 6, 'secret')
    const strange = { authorization: 'Basic eDp5' }
    for (const [path, method] of [
      [`objects/${oid}/6`, 'GET'],
      [`objects/${oid}/6`, 'PUT'],
      ['objects/batch', 'POST'],
      ['locks/verify', 'POST'],
      ['verify', 'POST'],
    ] as const) {
      const response = await ask(path, { method, headers: strange, ...(method !== 'GET' && { body: '{}' }) })
      expect([path, response.status, response.headers.get('lfs-authenticate') !== null]).to.deep.equal([
        path,
        401,
        true,
      ])
    }
  })

  it('are of one app: another has to be sent its own', async () => {
    const oid = digestOf('mine')
    await put(oid, 4, 'mine')
    name = `other${String(count)}`
    await rig.app(name)
    expect((await ask(`objects/${oid}/4`)).status).to.equal(404)
    name = 'nobody'
    expect((await ask(`objects/${oid}/4`)).status).to.equal(404)
  })

  it('have no locks, and git-lfs goes on without', async () => {
    const response = await ask('locks/verify', { method: 'POST', body: '{}' })
    expect([response.status, response.headers.get('content-type')]).to.deep.equal([501, 'application/vnd.git-lfs+json'])
  })

  it('are asked for in words that make sense', async () => {
    for (const [path, method, status] of [
      ['objects/batch', 'GET', 422],
      ['objects/batch', 'POST', 422],
      ['verify', 'POST', 422],
      [`objects/${'a'.repeat(64)}/5`, 'DELETE', 422],
      [`objects/${'a'.repeat(64)}`, 'GET', 501],
      [`objects/${'a'.repeat(64)}/${'9'.repeat(16)}`, 'PUT', 501],
    ] as const) {
      const response = await ask(path, { method, ...(method !== 'GET' && { body: 'x'.repeat(10) }) })
      expect([path, method, response.status]).to.deep.equal([path, method, status])
      expect(await messageOf(response)).to.be.a('string')
    }
    const oid = digestOf('x')
    await put(oid, 1, 'x')
    const verify = (body: object) => ask('verify', { method: 'POST', body: JSON.stringify(body) })
    expect([(await verify({ oid, size: 1 })).status, (await verify({ oid, size: 2 })).status]).to.deep.equal([200, 404])
    const endless = await ask('objects/batch', { method: 'POST', body: 'x'.repeat(2 * 1024 * 1024) })
    expect(endless.status).to.equal(413)
  })
})
