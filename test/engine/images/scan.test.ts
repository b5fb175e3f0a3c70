import { expect } from 'chai'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { lstatSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EngineError } from '../../../src/engine/errors.js'
import { stampOf } from '../../../src/engine/images/stamp.js'
import { type Digests, scan, scanLive } from '../../../src/engine/images/scan.js'
import { mknod } from '../../../src/engine/kernel/file-calls.js'
import { temporary } from './lab.js'
import { swapping } from './swaps.js'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const stampAt = (path: string): string => stampOf(lstatSync(path))

/** A directory that nothing has changed for longer than any file system's clock is coarse. */
const old = dirname(fileURLToPath(import.meta.resolve('chai')))
const oldFile = 'package.json'

describe('a survey of a directory that its owner may write to', () => {
  it('has what is in it with types, modes, sizes, digests, stamps, owners and times', () => {
    using lab = temporary()
    mkdirSync(join(lab.path, 'd/e'), { recursive: true, mode: 0o700 })
    writeFileSync(join(lab.path, 'd/f'), 'text', { mode: 0o640 })
    const fileIndex = scanLive(lab.path, new Map())
    expect([...fileIndex.keys()]).to.deep.equal(['/d', '/d/e', '/d/f'])
    const seen = (path: string) => {
      const { uid, gid, mtimeMs } = lstatSync(join(lab.path, path))
      return { uid, gid, mtimeMs }
    }
    const directory = { type: 'directory', mode: 0o700, content: '', size: 0, seen: seen('d') }
    expect(fileIndex.get('/d')).to.deep.equal(directory)
    const stamp = stampAt(join(lab.path, 'd/f'))
    const file = { type: 'file', mode: 0o640, content: sha256('text'), size: 4, stamp, seen: seen('d/f') }
    expect(fileIndex.get('/d/f')).to.deep.equal(file)
  })

  it('believes what is known by a stamp, and reads what has another', () => {
    using lab = temporary()
    for (const name of ['known', 'other']) writeFileSync(join(lab.path, name), name)
    const known: Digests = new Map([[stampAt(join(lab.path, 'known')), 'a wrong digest']])
    const fileIndex = scanLive(lab.path, known)
    expect(fileIndex.get('/known')?.content).to.equal('a wrong digest')
    expect(fileIndex.get('/other')?.content).to.equal(sha256('other'))
  })

  it('sees that another file took the place, of the same size and time', () => {
    using lab = temporary()
    const place = join(lab.path, 'f')
    writeFileSync(place, 'one')
    const known: Digests = new Map([[stampAt(place), sha256('one')]])
    writeFileSync(join(lab.path, 'draft'), 'two')
    renameSync(join(lab.path, 'draft'), place)
    expect(scanLive(lab.path, known).get('/f')?.content).to.equal(sha256('two'))
  })

  it('remembers what has long been as it is, and forgets what is not there any more', () => {
    const known: Digests = new Map([['the stamp of a file that was removed', 'x']])
    const { content = '', stamp = '' } = scanLive(old, known).get(`/${oldFile}`) ?? {}
    expect(known.get(stamp)).to.equal(content)
    expect(known).not.to.include.keys('the stamp of a file that was removed')
    known.set(stamp, 'a wrong digest')
    expect(scanLive(old, known).get(`/${oldFile}`)?.content).to.equal('a wrong digest')
  })

  it('does not remember what may change again without another stamp', () => {
    using lab = temporary()
    writeFileSync(join(lab.path, 'fresh'), 'fresh')
    const known: Digests = new Map()
    const { stamp = '' } = scanLive(lab.path, known).get('/fresh') ?? {}
    expect(stamp).not.to.equal('')
    expect(known).to.have.property('size', 0)
  })

  it('forgets a file that was known once it is fresh again', () => {
    using lab = temporary()
    writeFileSync(join(lab.path, 'f'), 'f')
    const known: Digests = new Map([[stampAt(join(lab.path, 'f')), 'x']])
    scanLive(lab.path, known)
    expect(known).to.have.property('size', 0)
  })

  it('refuses names that are not UTF-8, and takes all others', () => {
    using lab = temporary()
    for (const name of ['ünï', 'new\nline', '\ufffd', 'with "quotes"']) writeFileSync(join(lab.path, name), name)
    expect([...scanLive(lab.path, new Map()).keys()]).to.include.members(['/ünï', '/new\nline', '/\ufffd'])
    mkdirSync(join(lab.path, 'd'))
    writeFileSync(Buffer.concat([Buffer.from(join(lab.path, 'd/caf')), Buffer.from([0xe9])]), '')
    const refused = /the name of "\/d\/caf\ufffd" is not UTF-8/
    expect(() => scanLive(lab.path, new Map()))
      .to.throw(refused)
      .with.property('fault', 'invalid')
    expect(() => scan(lab.path)).to.throw(refused)
  })

  it('follows no link', () => {
    using lab = temporary()
    for (const [name, target] of Object.entries({ file: '/etc/passwd', directory: '/etc', nowhere: 'none', up: '..' }))
      symlinkSync(target, join(lab.path, name))
    const fileIndex = scanLive(lab.path, new Map())
    expect([...fileIndex].map(([path, { type, content }]) => `${type} ${path} ${content}`)).to.deep.equal([
      'symlink /directory /etc',
      'symlink /file /etc/passwd',
      'symlink /nowhere none',
      'symlink /up ..',
    ])
  })

  it('reads no file of elsewhere, when links take the place of files and directories meanwhile', async () => {
    using lab = temporary()
    const at = (path: string): string => join(lab.path, path)
    for (const path of ['context/d', 'secrets', 'aside-f', 'aside-d']) mkdirSync(at(path), { recursive: true })
    for (const path of ['context/f', 'context/d/f']) writeFileSync(at(path), 'open')
    writeFileSync(at('secrets/f'), 'secret')
    const pauseMs = 0
    await using swaps = await swapping(
      { place: at('context/f'), target: at('secrets/f'), aside: at('aside-f'), pauseMs },
      { place: at('context/d'), target: at('secrets'), aside: at('aside-d'), pauseMs },
    )
    const seen = { whole: 0, conflicts: 0 }
    for (const end = Date.now() + 1500; Date.now() < end;) {
      try {
        const fileIndex = scanLive(at('context'), new Map())
        expect([...fileIndex.values()].map(({ content }) => content)).to.not.include(sha256('secret'))
        seen.whole++
      } catch (error) {
        if (!(error instanceof EngineError)) throw error
        expect(error.fault).to.equal('conflict')
        seen.conflicts++
      }
    }
    expect(swaps.go()).to.equal(true)
    expect(seen.whole, 'surveys').to.be.greaterThan(0)
    expect(seen.conflicts, 'conflicts').to.be.greaterThan(0)
  })

  it('leaves out devices, fifos and sockets', async function () {
    if (process.getuid?.() !== 0) this.skip()
    using lab = temporary()
    mknod(join(lab.path, 'null'), 0o020666, 1, 3)
    mknod(join(lab.path, 'fifo'), 0o010666)
    writeFileSync(join(lab.path, 'file'), '')
    const server = createServer().listen(join(lab.path, 'socket'))
    await once(server, 'listening')
    try {
      expect([...scanLive(lab.path, new Map()).keys()]).to.deep.equal(['/file'])
    } finally {
      server.close()
      await once(server, 'close')
    }
  })
})
