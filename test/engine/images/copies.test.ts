import { expect } from 'chai'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { copyFiles, type CopyTask } from '../../../src/engine/images/copy-files.js'
import { writeIndexFile } from '../../../src/engine/images/index-file.js'
import { sumLayer } from '../../../src/engine/images/pack.js'
import { scan } from '../../../src/engine/images/scan.js'
import { archive, temporary } from './lab.js'

describe('a copy that is like an earlier one', () => {
  /** A context and layers made of it, one after the other. */
  const open = (root: string) => {
    const context = join(root, 'context')
    let count = 0
    const put = (path: string, text: string | Buffer, mtime = 1_700_000_000): void => {
      const place = join(context, path)
      mkdirSync(dirname(place), { recursive: true })
      writeFileSync(place, text)
      utimesSync(place, mtime, mtime)
    }
    const layer = (n: number): string => join(root, `layer-${String(n)}`)
    const copy = (more: Partial<CopyTask> = {}): string => {
      const known = join(root, `indexFile-${String(++count)}`)
      writeIndexFile(known, scan(context))
      mkdirSync(layer(count))
      copyFiles({
        ...{ layers: [context], known, patterns: ['.'], inline: [], lowers: [], upper: layer(count), target: '/app/' },
        copies: `${layer(count)}.copies`,
        ...(count === 1 ? {} : { earlier: { directory: layer(count - 1), copies: `${layer(count - 1)}.copies` } }),
        ...more,
      })
      return layer(count)
    }
    const inode = (at: string, path: string): number => lstatSync(join(at, 'app', path)).ino
    return {
      context,
      put,
      copy,
      inode,
      text: (at: string, path: string) => readFileSync(join(at, 'app', path), 'utf8'),
    }
  }

  it('refers to what has not changed, and is the same layer as one written anew', () => {
    using lab = temporary()
    const { put, copy, inode, text } = open(lab.path)
    for (const name of ['a', 'd/b', 'd/c']) put(name, name)
    const first = copy()
    put('d/c', 'new')
    const second = copy()
    expect(inode(second, 'a')).to.equal(inode(first, 'a'))
    expect(inode(second, 'd/b')).to.equal(inode(first, 'd/b'))
    expect(text(second, 'd/c')).to.equal('new')
    expect(text(first, 'd/c')).to.equal('d/c')
    const anew = copy({ earlier: { directory: '/nowhere', copies: '/nowhere' } })
    expect(inode(anew, 'a')).not.to.equal(inode(second, 'a'))
    expect(sumLayer(anew)).to.deep.equal(sumLayer(second))
  })

  it('writes again what has another mode, owner or time', () => {
    using lab = temporary()
    const { context, put, copy, inode } = open(lab.path)
    for (const name of ['mode', 'time', 'same']) put(name, name)
    const first = copy()
    chmodSync(join(context, 'mode'), 0o755)
    utimesSync(join(context, 'time'), 1_700_000_001, 1_700_000_001)
    const second = copy()
    expect(inode(second, 'same')).to.equal(inode(first, 'same'))
    for (const name of ['mode', 'time']) expect(inode(second, name), name).not.to.equal(inode(first, name))
    const third = copy({ chown: '7:7' })
    expect(inode(third, 'same')).not.to.equal(inode(second, 'same'))
    expect(lstatSync(join(third, 'app/same')).uid).to.equal(7)
    expect(lstatSync(join(second, 'app/same')).uid).to.equal(0)
  })

  it('takes nothing for what another source put there', () => {
    using lab = temporary()
    const { context, put, copy, text } = open(lab.path)
    // of one length and time: only what was written down can tell them apart
    put('a/x', 'one')
    put('b/x', 'two')
    const patterns = ['a/x', 'b/x']
    expect(text(copy({ patterns }), 'x')).to.equal('two')
    rmSync(join(context, 'b'), { recursive: true })
    expect(text(copy({ patterns: ['a/x'] }), 'x')).to.equal('one')
  })

  it('forgets a file whose place a link or a heredoc took', () => {
    using lab = temporary()
    const { context, put, copy, text } = open(lab.path)
    put('a/x', 'one')
    mkdirSync(join(context, 'b'))
    symlinkSync('elsewhere', join(context, 'b/x'))
    copy({ patterns: ['a/x', 'b'], inline: [] })
    rmSync(join(context, 'b'), { recursive: true })
    expect(text(copy({ patterns: ['a/x'] }), 'x')).to.equal('one')
    expect(text(copy({ patterns: ['a/x'], inline: [{ name: 'x', content: 'her' }] }), 'x')).to.equal('her')
    expect(text(copy({ patterns: ['a/x'] }), 'x')).to.equal('one')
  })

  it('leaves nothing to refer to when an archive may have written over it', () => {
    using lab = temporary()
    const { put, copy } = open(lab.path)
    put('a', 'a')
    put('z.tgz', gzipSync(archive([{ name: 'a', content: 'evil' }])))
    const layer = copy({ patterns: ['a', 'z.tgz'], keepArchives: true })
    expect(existsSync(`${layer}.copies`)).to.equal(false)
  })

  it('writes everything when what was copied then is torn', () => {
    using lab = temporary()
    const { put, copy, inode } = open(lab.path)
    put('a', 'a')
    const first = copy()
    writeFileSync(`${first}.copies`, readFileSync(`${first}.copies`).subarray(0, 9))
    expect(inode(copy(), 'a')).not.to.equal(inode(first, 'a'))
  })
})
