import { expect } from 'chai'
import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { EngineError } from '../../../src/engine/errors.js'
import { LayerWriter } from '../../../src/engine/images/layer-writer.js'
import { isOpaque } from '../../../src/engine/images/tree.js'
import { type UnpackAs, Unpacker } from '../../../src/engine/images/unpack.js'
import { archive, type Entry, temporary } from './lab.js'

function unpack(root: string, bytes: Buffer, as: UnpackAs = 'context', lowers: string[] = [], chunk = 700): Unpacker {
  mkdirSync(root, { recursive: true })
  const layerWriter = new LayerWriter(root, lowers)
  const unpacker = new Unpacker(layerWriter, '/', as)
  for (let at = 0; at < bytes.length; at += chunk) unpacker.push(bytes.subarray(at, at + chunk))
  unpacker.end()
  layerWriter.close()
  return unpacker
}

describe('unpacking an archive', () => {
  it('makes what the archive says, owned by root, and digests it', () => {
    using lab = temporary()
    const { fileIndex } = unpack(
      lab.path,
      archive([
        { name: './a/', type: 'directory', mode: 0o750 },
        { name: 'a/b', content: 'hello', mode: 0o755, uid: 1000, gid: 1000 },
        { name: 'l', type: 'symlink', linkname: '/etc/passwd' },
        { name: 'h', type: 'link', linkname: 'a/b' },
        { name: `${'long/'.repeat(40)}file`, content: 'x' },
      ]),
    )
    expect(lstatSync(join(lab.path, 'a')).mode & 0o7777).to.equal(0o750)
    const file = lstatSync(join(lab.path, 'a/b'))
    expect([file.mode & 0o7777, file.uid, file.mtimeMs, file.nlink]).to.deep.equal([0o755, 0, 1_700_000_000_000, 2])
    expect(readlinkSync(join(lab.path, 'l'))).to.equal('/etc/passwd')
    expect(readFileSync(join(lab.path, 'long/'.repeat(40), 'file'), 'utf8')).to.equal('x')
    expect(fileIndex.get('/a/b')?.content).to.equal(fileIndex.get('/h')?.content)
    expect(fileIndex.get('/a/b')?.content).to.match(/^2cf24dba5fb0/)
    expect(fileIndex.get('/l')).to.include({ type: 'symlink', content: '/etc/passwd' })
  })

  it('takes a name that comes back in', () => {
    using lab = temporary()
    const root = join(lab.path, 'in')
    const { fileIndex } = unpack(
      root,
      archive([
        { name: 'a', type: 'symlink', linkname: 'elsewhere/deep' },
        { name: '/a/../b', content: 'b' },
        { name: './x/./y/../../c/', type: 'directory', mode: 0o700 },
        { name: 'c/../c/d', type: 'link', linkname: 'z/../b' },
        { name: 'c/..', type: 'directory' },
      ]),
    )
    expect(readdirSync(root).sort()).to.deep.equal(['a', 'b', 'c'])
    expect(readFileSync(join(root, 'c/d'), 'utf8')).to.equal('b')
    expect(lstatSync(join(root, 'c')).mode & 0o7777).to.equal(0o700)
    expect([...fileIndex.keys()].sort()).to.deep.equal(['/a', '/b', '/c', '/c/d'])
  })

  const hostile: readonly (readonly [what: string, entries: Entry[], message: string])[] = [
    ['a parent path', [{ name: '../out', content: 'x' }], 'points out of the archive'],
    ['a parent path inside', [{ name: 'a/../../out', content: 'x' }], 'points out of the archive'],
    ['the root’s own parent', [{ name: '/a/../..', type: 'directory' }], 'points out of the archive'],
    ['a hard link out', [{ name: 'l', type: 'link', linkname: '../../etc/passwd' }], 'points out of the archive'],
    ['a hard link to nothing', [{ name: 'l', type: 'link', linkname: '/etc/passwd' }], 'which is no file'],
    ['a device', [{ name: 'd', type: 'character', major: 1, minor: 3 }], 'is a device or fifo'],
    ['a file over a directory', [{ name: 'd/', type: 'directory' }, { name: 'd' }], 'cannot overwrite directory'],
    ['a path through a file', [{ name: 'f' }, { name: 'f/x' }], 'is not a directory'],
    [
      'links in a circle',
      [
        { name: 'a', type: 'symlink', linkname: 'b' },
        { name: 'b', type: 'symlink', linkname: 'a' },
        { name: 'a/x', content: 'x' },
      ],
      'too many levels of symbolic links',
    ],
  ]
  for (const [what, entries, message] of hostile)
    it(`refuses ${what}`, () => {
      using lab = temporary()
      expect(() => unpack(join(lab.path, 'in'), archive(entries))).to.throw(EngineError, message)
      expect(existsSync(join(lab.path, 'out'))).to.equal(false)
    })

  it('keeps to the inside what goes through a link', () => {
    using lab = temporary()
    const outside = join(lab.path, 'outside')
    mkdirSync(outside)
    const root = join(lab.path, 'in')
    unpack(
      root,
      archive([
        { name: 'l', type: 'symlink', linkname: outside },
        { name: 'l/x', content: 'x' },
        { name: 'up', type: 'symlink', linkname: '../../..' },
        { name: 'up/y', content: 'y' },
        { name: '/absolute', content: 'z' },
      ]),
    )
    expect(existsSync(join(outside, 'x'))).to.equal(false)
    expect(readFileSync(join(root, outside, 'x'), 'utf8')).to.equal('x')
    expect(readFileSync(join(root, 'y'), 'utf8')).to.equal('y')
    expect(readFileSync(join(root, 'absolute'), 'utf8')).to.equal('z')
  })

  it('replaces a link by a file without following it', () => {
    using lab = temporary()
    const victim = join(lab.path, 'victim')
    writeFileSync(victim, 'safe')
    const root = join(lab.path, 'in')
    unpack(
      root,
      archive([
        { name: 'l', type: 'symlink', linkname: victim },
        { name: 'l', content: 'evil' },
      ]),
    )
    expect(readFileSync(victim, 'utf8')).to.equal('safe')
    expect(readFileSync(join(root, 'l'), 'utf8')).to.equal('evil')
  })

  it('turns the whiteouts of a layer into overlayfs’s', () => {
    using lab = temporary()
    unpack(
      lab.path,
      archive([
        { name: 'd/', type: 'directory' },
        { name: 'd/.wh..wh..opq' },
        { name: '.wh.gone' },
        { name: 'null', type: 'character', major: 1, minor: 3, mode: 0o666, uid: 7 },
      ]),
      'layer',
    )
    const gone = lstatSync(join(lab.path, 'gone'))
    expect([gone.isCharacterDevice(), gone.rdev]).to.deep.equal([true, 0])
    expect(isOpaque(join(lab.path, 'd'))).to.equal(true)
    expect(lstatSync(join(lab.path, 'null'))).to.include({ rdev: 0x103, uid: 7 })
  })

  it('follows the links of the layers below, inside them', () => {
    using lab = temporary()
    const lower = join(lab.path, 'lower')
    const upper = join(lab.path, 'upper')
    mkdirSync(join(lower, 'usr/lib'), { recursive: true })
    symlinkSync('/usr/lib', join(lower, 'lib'))
    unpack(upper, archive([{ name: 'lib/x', content: 'x' }]), 'add', [lower])
    expect(readFileSync(join(upper, 'usr/lib/x'), 'utf8')).to.equal('x')
  })

  it('reads what GNU tar writes in each of its formats', () => {
    using lab = temporary()
    const source = join(lab.path, 'source')
    const name = `${'d/'.repeat(60)}${'é'.repeat(60)}`
    mkdirSync(join(source, 'd/'.repeat(60)), { recursive: true })
    writeFileSync(join(source, name), 'x'.repeat(1000))
    for (const format of ['gnu', 'pax', 'posix']) {
      const bytes = execFileSync('tar', ['-C', source, `--format=${format}`, '-cf', '-', '.'])
      const root = join(lab.path, format)
      unpack(root, bytes, 'context', [], 64)
      expect(readFileSync(join(root, name), 'utf8'), format).to.have.length(1000)
    }
  })

  it('refuses what is cut short, garbled or no archive', () => {
    using lab = temporary()
    const bytes = archive([{ name: 'a', content: 'x'.repeat(600) }])
    expect(() => unpack(lab.path, bytes.subarray(0, 700))).to.throw(EngineError, 'in the middle')
    expect(() => unpack(lab.path, Buffer.from('x'.repeat(600)))).to.throw(EngineError)
    const garbled = Buffer.from(bytes)
    garbled[3] = 0x7a
    expect(() => unpack(lab.path, garbled)).to.throw(EngineError, 'checksum')
  })

  it('fails with an EngineError and nothing else, whatever bytes come', () => {
    const whole = archive([
      { name: 'a/', type: 'directory' },
      { name: 'a/b', content: 'hello' },
    ])
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255))
    fc.assert(
      fc.property(fc.array(change, { maxLength: 4 }), (changes) => {
        using lab = temporary()
        const bytes = Buffer.from(whole)
        for (const [at, value] of changes) bytes[at] = value
        try {
          unpack(lab.path, bytes)
        } catch (error) {
          expect(error).to.be.instanceOf(EngineError)
        }
      }),
      { numRuns: 200 },
    )
  })
})
