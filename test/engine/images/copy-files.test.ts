import { expect } from 'chai'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { copyFiles, type CopyTask, digestSources } from '../../../src/engine/images/copy-files.js'
import { sumLayer } from '../../../src/engine/images/pack.js'
import { getXattr, mknod, setXattr } from '../../../src/engine/kernel/file-calls.js'
import { LayerTree } from '../../../src/engine/images/tree.js'
import { rawName, textOf } from '../../../src/engine/kernel/at.js'
import { temporary } from './lab.js'

/** Files by path: text, `-> target` for a link, null for a directory, undefined for a whiteout. */
function make(root: string, files: Readonly<Record<string, string | null | undefined>>): string {
  mkdirSync(root, { recursive: true })
  for (const [path, content] of Object.entries(files)) {
    const place = join(root, path)
    mkdirSync(join(place, '..'), { recursive: true })
    if (content === undefined) mknod(place, 0o020000)
    else if (content === null) mkdirSync(place, { recursive: true })
    else if (content.startsWith('-> ')) symlinkSync(content.slice(3), place)
    else writeFileSync(place, content)
  }
  return root
}

const names = (layers: readonly string[], path = '/'): string[] => {
  const tree = new LayerTree(layers)
  const entry = tree.resolve(path).entry
  return entry ? tree.children(entry).map(([name]) => name) : []
}

describe('copying into a layer', () => {
  const run = (root: string, patterns: string[], target: string, more: Partial<CopyTask> = {}) => {
    const upper = make(join(root, 'upper'), {})
    const archives = copyFiles({
      layers: [join(root, 'context')],
      patterns,
      inline: [],
      lowers: [],
      upper,
      target,
      ...more,
    })
    return { upper, archives, at: (path: string) => readFileSync(join(upper, path), 'utf8') }
  }

  it('keeps attributes, hard links, holes, setuid bits and times', () => {
    using lab = temporary()
    const from = make(join(lab.path, 'context'), { 'd/one': 'one', 'd/other': 'other' })
    execFileSync('ln', [join(from, 'd/one'), join(from, 'd/two')])
    execFileSync('truncate', ['--size=20M', join(from, 'd/hole')])
    setXattr(join(from, 'd/one'), 'user.mark', Buffer.from('file'))
    setXattr(join(from, 'd'), 'user.mark', Buffer.from('directory'))
    const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex') // cap_net_bind_service+ep
    setXattr(join(from, 'd/other'), 'security.capability', capability)
    chmodSync(join(from, 'd/one'), 0o6755)
    utimesSync(join(from, 'd/one'), 1e9, 1e9)
    run(lab.path, ['d'], '/x/d/')
    const upper = join(lab.path, 'upper')
    const stat = lstatSync(join(upper, 'x/d/one'))
    expect(lstatSync(join(upper, 'x/d/two')).ino).to.equal(stat.ino)
    expect([stat.mode & 0o7777, stat.mtimeMs]).to.deep.equal([0o6755, 1e12])
    expect(getXattr(join(upper, 'x/d/two'), 'user.mark')?.toString()).to.equal('file')
    expect(getXattr(join(upper, 'x/d/other'), 'security.capability')?.equals(capability)).to.equal(true)
    expect(lstatSync(join(upper, 'x/d/hole'))).to.include({ size: 20 * 2 ** 20, blocks: 0 })
    const digest = (): string => digestSources({ layers: [from], patterns: ['d'] })
    const before = digest()
    setXattr(join(from, 'd/one'), 'user.mark', Buffer.from('changed'))
    expect(digest()).not.to.equal(before)
  })

  it('keeps names and links that are not UTF-8', () => {
    using lab = temporary()
    const from = make(join(lab.path, 'context'), { 'd/é🙂': 'fine' })
    const odd = Buffer.from('6164ff2dc3fee282', 'hex')
    const at = (directory: string): Buffer => Buffer.concat([Buffer.from(`${directory}/`), odd])
    mkdirSync(at(join(from, 'd')))
    writeFileSync(Buffer.concat([at(join(from, 'd')), Buffer.from('/in')]), 'odd')
    symlinkSync(odd, join(from, 'd/link'))
    const before = digestSources({ layers: [from], patterns: ['d'] })
    run(lab.path, ['d'], '/')
    const upper = join(lab.path, 'upper')
    expect(readFileSync(Buffer.concat([at(upper), Buffer.from('/in')]), 'utf8')).to.equal('odd')
    expect(readFileSync(join(upper, 'é🙂'), 'utf8')).to.equal('fine')
    expect(readlinkSync(join(upper, 'link'), { encoding: 'buffer' }).equals(odd)).to.equal(true)
    expect(digestSources({ layers: [upper], patterns: ['.'] }))
      .to.be.a('string')
      .and.not.equal(before)
    for (const bytes of ['ff', 'c3a9', 'f09f9982', 'efbfbd', 'edb280', '41ff42', 'e28228', odd.toString('hex')]) {
      const made = rawName(textOf(Buffer.from(bytes, 'hex')))
      expect(Buffer.from(made as string).toString('hex'), bytes).to.equal(bytes)
    }
  })

  it('makes no hard link to a file that another has been copied over', () => {
    using lab = temporary()
    const from = make(join(lab.path, 'context'), { 'a/x': 'first', 'b/x': 'over it', 'c/y': '' })
    rmSync(join(from, 'c/y'))
    execFileSync('ln', [join(from, 'a/x'), join(from, 'c/y')])
    run(lab.path, ['a', 'b', 'c'], '/t/')
    const upper = join(lab.path, 'upper')
    expect(['x', 'y'].map((name) => readFileSync(join(upper, 't', name), 'utf8'))).to.deep.equal(['over it', 'first'])
  })

  it('puts a file at a name, into a directory, and a directory’s content', () => {
    using lab = temporary()
    make(join(lab.path, 'context'), { a: 'A', 'd/b': 'B', 'd/e/c': 'C', l: '-> a' })
    expect(run(lab.path, ['a'], '/x').at('x')).to.equal('A')
    expect(run(lab.path, ['a'], '/y/').at('y/a')).to.equal('A')
    expect(run(lab.path, ['d'], '/z').at('z/e/c')).to.equal('C')
    expect(run(lab.path, ['l'], '/followed').at('followed')).to.equal('A')
    expect(run(lab.path, ['d/*'], '/g/').at('g/b')).to.equal('B')
    expect(run(lab.path, ['d/*'], '/g/').at('g/c')).to.equal('C')
  })

  it('needs a slash for several, and something to copy', () => {
    using lab = temporary()
    make(join(lab.path, 'context'), { a: 'A', b: 'B' })
    expect(() => run(lab.path, ['a', 'b'], '/x')).to.throw('must be a directory and end with a /')
    expect(() => run(lab.path, ['none'], '/x')).to.throw('"none": file does not exist')
    expect(() => run(lab.path, ['n*'], '/x/')).to.throw('no source files match "n*"')
  })

  it('never leaves the context or the image by a link', () => {
    using lab = temporary()
    const outside = make(join(lab.path, 'outside'), { secret: 'secret' })
    make(join(lab.path, 'context'), {
      out: `-> ${outside}/secret`,
      up: '-> ../outside',
      'd/in': `-> ${outside}/secret`,
    })
    const lower = make(join(lab.path, 'lower'), { etc: `-> ${outside}`, file: `-> ${outside}/secret` })
    expect(() => run(lab.path, ['out'], '/x')).to.throw('file does not exist')
    expect(() => run(lab.path, ['up/secret'], '/x')).to.throw('file does not exist')
    expect(() => run(lab.path, ['../outside/secret'], '/x')).to.throw('file does not exist')
    expect(readlinkSync(join(run(lab.path, ['d'], '/y').upper, 'y/in'))).to.equal(`${outside}/secret`)
    make(join(lab.path, 'context'), { a: 'evil' })
    run(lab.path, ['a'], '/etc/secret', { lowers: [lower] })
    run(lab.path, ['a'], '/file', { lowers: [lower] })
    expect(readFileSync(join(outside, 'secret'), 'utf8')).to.equal('secret')
  })

  it('copies up the directories below with their modes, and follows the image’s links', () => {
    using lab = temporary()
    make(join(lab.path, 'context'), { a: 'A' })
    const lower = make(join(lab.path, 'lower'), { 'usr/lib/b': 'B', lib: '-> usr/lib' })
    chmodSync(join(lower, 'usr/lib'), 0o711)
    const { upper } = run(lab.path, ['a'], '/lib/', { lowers: [lower] })
    expect(lstatSync(join(upper, 'usr/lib')).mode & 0o777).to.equal(0o711)
    expect(names([lower, upper], '/lib')).to.deep.equal(['a', 'b'])
    expect(() => run(lab.path, ['a'], '/lib/b/x', { lowers: [lower] })).to.throw('is not a directory')
  })

  it('gives owners by number and by the image’s own names, and modes', () => {
    using lab = temporary()
    make(join(lab.path, 'context'), { 'd/a': 'A' })
    const passwd = 'root:x:0:0::/:\nnode:x:1234:1235::/:\n'
    const lower = make(join(lab.path, 'lower'), { 'etc/passwd': passwd, 'etc/group': 'staff:x:50:\n' })
    const owner = (chown: string) => {
      const { upper } = run(lab.path, ['d'], `/${chown.replace(':', '_')}`, { lowers: [lower], chown, chmod: '640' })
      const { uid, gid, mode } = lstatSync(join(upper, chown.replace(':', '_'), 'a'))
      return [uid, gid, mode & 0o777]
    }
    expect(owner('node')).to.deep.equal([1234, 1235, 0o640])
    expect(owner('7')).to.deep.equal([7, 7, 0o640])
    expect(owner('node:staff')).to.deep.equal([1234, 50, 0o640])
    expect(() => owner('nobody')).to.throw('unable to find user nobody')
    expect(() => owner('node:none')).to.throw('unable to find group none')
  })

  it('leaves archives to ADD, and what only looks like one it copies', () => {
    using lab = temporary()
    const context = make(join(lab.path, 'context'), { x: 'X', 'plain.gz': 'no archive' })
    execFileSync('tar', ['-C', context, '-czf', join(context, 'a.tgz'), 'x'])
    execFileSync('gzip', ['-k', join(context, 'x')])
    const { archives, upper } = run(lab.path, ['*gz'], '/to/', { keepArchives: true })
    expect(archives).to.deep.equal([{ file: join(context, 'a.tgz'), target: '/to', compression: 'gzip' }])
    expect(names([upper], '/to')).to.deep.equal(['plain.gz', 'x.gz'])
  })
})

describe('the digest of sources', () => {
  it('changes with content, mode and name, but not with times or the place', () => {
    using lab = temporary()
    const root = make(join(lab.path, 'one'), { 'd/a': 'A', b: '-> d' })
    const digest = (layers = [root], patterns = ['.']) => digestSources({ layers, patterns })
    const first = digest()
    utimesSync(join(root, 'd/a'), 1, 1)
    expect(digest()).to.equal(first)
    expect(digest([make(join(lab.path, 'two'), { 'd/a': 'A', b: '-> d' })])).to.equal(first)
    chmodSync(join(root, 'd/a'), 0o755)
    const executable = digest()
    expect(executable).to.not.equal(first)
    chmodSync(join(root, 'd/a'), 0o644)
    writeFileSync(join(root, 'd/a'), 'B')
    expect(digest()).to.not.equal(first)
  })

  it('sees a stack as one tree', () => {
    using lab = temporary()
    const layers = [
      make(join(lab.path, '1'), { a: '1', 'd/x': 'x' }),
      make(join(lab.path, '2'), { a: undefined, b: '2' }),
    ]
    expect(names(layers)).to.deep.equal(['b', 'd'])
    const flat = make(join(lab.path, 'flat'), { b: '2', 'd/x': 'x' })
    expect(digestSources({ layers, patterns: ['.'] })).to.equal(digestSources({ layers: [flat], patterns: ['.'] }))
  })
})

describe('the diff id of a layer', () => {
  it('is that of the archive GNU tar reads back to the same tree', () => {
    using lab = temporary()
    const root = make(join(lab.path, 'layer'), {
      'd/a': 'A',
      [`d/${'n'.repeat(120)}`]: 'é',
      l: '-> d/a',
      gone: undefined,
    })
    const first = sumLayer(root)
    expect(sumLayer(root)).to.deep.equal(first)
    expect(first.size).to.equal(3)
    rmSync(join(root, 'd/a'))
    expect(sumLayer(root).diffId).to.not.equal(first.diffId)
  })

  it('of an empty layer is the one every engine knows', () => {
    using lab = temporary()
    expect(sumLayer(lab.path).diffId).to.equal(
      'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef',
    )
  })
})
