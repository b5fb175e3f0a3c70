import { expect } from 'chai'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { EngineError } from '../../../src/engine/errors.js'
import { copyFiles, type CopyTask, digestSources } from '../../../src/engine/images/copy-files.js'
import { writeIndexFile } from '../../../src/engine/images/index-file.js'
import { scanLive } from '../../../src/engine/images/scan.js'
import { mknod } from '../../../src/engine/kernel/file-calls.js'
import { LayerTree } from '../../../src/engine/images/tree.js'
import type { FileIndex } from '../../../src/engine/images/index-file.js'
import { settle, temporary } from './lab.js'
import { swapping } from './swaps.js'

/** A directory with files (path -> text; `-> target` for a link) and the file index of it. */
function open(files: Readonly<Record<string, string>>) {
  const lab = temporary()
  const directory = join(lab.path, 'context')
  mkdirSync(directory)
  const put = (path: string, text: string): void => {
    const place = join(directory, path)
    mkdirSync(dirname(place), { recursive: true })
    rmSync(place, { recursive: true, force: true })
    if (text.startsWith('-> ')) symlinkSync(text.slice(3), place)
    else writeFileSync(place, text)
  }
  for (const [path, text] of Object.entries(files)) put(path, text)
  const fileIndex = scanLive(directory, new Map())
  return { root: lab.path, directory, put, fileIndex, [Symbol.dispose]: () => lab[Symbol.dispose]() }
}

/** Every path below a directory of a tree. */
function paths(tree: LayerTree, from = '/'): string[] {
  const { entry } = tree.resolve(from)
  if (!entry?.stat.isDirectory()) return []
  return tree.children(entry).flatMap(([name]) => {
    const path = `${from === '/' ? '' : from}/${name}`
    return [path, ...(tree.resolve(path, false).entry?.stat.isDirectory() ? paths(tree, path) : [])]
  })
}

const without = (fileIndex: FileIndex, ...gone: string[]): FileIndex =>
  new Map([...fileIndex].filter(([path]) => !gone.includes(path)))

describe('a tree with a file index', () => {
  it('shows what is in it alone, in byte order', () => {
    using lab = open({ 'b/x': '1', 'b/y': '2', 'a.txt': '3', Z: '4', 'd/e/f': '5' })
    const tree = new LayerTree([lab.directory], without(lab.fileIndex, '/b/y', '/d', '/d/e', '/d/e/f'))
    lab.put('new', 'came after')
    expect(paths(tree)).to.deep.equal(['/Z', '/a.txt', '/b', '/b/x'])
    for (const path of ['/b/y', '/d', '/d/e/f', '/new', '/none'])
      expect(tree.resolve(path).entry, path).to.equal(undefined)
  })

  it('has the directories that only lead to something in it, and nothing else of theirs', () => {
    using lab = open({ 'd/e/f': '1', 'd/e/g': '2', 'd/h': '3' })
    const tree = new LayerTree([lab.directory], without(lab.fileIndex, '/d', '/d/e', '/d/e/g', '/d/h'))
    expect(paths(tree)).to.deep.equal(['/d', '/d/e', '/d/e/f'])
  })

  it('is empty when it says nothing, and is not misled by names that begin alike', () => {
    using lab = open({ 'd/f': '1', 'd2/f': '2' })
    expect(paths(new LayerTree([lab.directory], new Map()))).to.deep.equal([])
    expect(paths(new LayerTree([lab.directory], without(lab.fileIndex, '/d', '/d/f')))).to.deep.equal(['/d2', '/d2/f'])
  })

  it('tells what is noted of an entry', () => {
    using lab = open({ 'd/f': '1', l: '-> d' })
    const tree = new LayerTree([lab.directory], lab.fileIndex)
    const noted = (path: string) => {
      const { entry } = tree.resolve(path, false)
      return entry && tree.noted(entry)
    }
    expect(noted('/d/f')).to.equal(lab.fileIndex.get('/d/f'))
    expect(noted('/l')).to.include({ type: 'symlink', content: 'd' })
    expect(noted('/')).to.equal(undefined)
  })

  it('follows links inside it, out of it never, and to what it does not show not either', () => {
    using lab = open({
      'd/f': 'f',
      hidden: '1',
      in: '-> d/f',
      out: '-> /etc',
      up: '-> ../../../../../etc',
      l: '-> hidden',
    })
    const tree = new LayerTree([lab.directory], without(lab.fileIndex, '/hidden'))
    expect(tree.resolve('/in').path).to.equal('/d/f')
    for (const path of ['/out/passwd', '/up/passwd', '/l']) {
      const { entry } = tree.resolve(path)
      expect(entry, path).to.equal(undefined)
    }
  })

  it('follows a link as it was', () => {
    using lab = open({ a: 'A', b: 'B', l: '-> a' })
    lab.put('l', '-> b')
    expect(new LayerTree([lab.directory], lab.fileIndex).resolve('/l').path).to.equal('/a')
  })

  const kinds: Readonly<Record<string, (place: string) => void>> = {
    nothing: () => undefined,
    'a file': (place) => writeFileSync(place, ''),
    'a directory': (place) => mkdirSync(place),
    'a link': (place) => symlinkSync('/etc', place),
    'a fifo': (place) => mknod(place, 0o010666),
  }
  for (const [was, path] of [
    ['a file', 'd/file'],
    ['a directory', 'd/directory'],
    ['a link', 'd/link'],
    ['a directory', 'd'],
  ] as const)
    for (const [is, make] of Object.entries(kinds).filter(([kind]) => kind !== was))
      it(`is a conflict when ${was}, ${path}, is ${is}`, () => {
        using lab = open({ 'd/file': '', 'd/directory/x': '', 'd/link': '-> file' })
        const tree = new LayerTree([lab.directory], without(lab.fileIndex, '/d'))
        const place = join(lab.directory, path)
        rmSync(place, { recursive: true })
        make(place)
        const conflict = `"${place}" changed while the image was built`
        expect(() => tree.resolve(`/${path}`, false))
          .to.throw(conflict)
          .with.property('fault', 'conflict')
        expect(() => paths(new LayerTree([lab.directory], lab.fileIndex))).to.throw(conflict)
      })
})

describe('a copy of what a file index knows', () => {
  const copy = (lab: ReturnType<typeof open>, more: Partial<CopyTask> = {}) => {
    const known = join(lab.root, 'indexFile')
    const upper = join(lab.root, 'upper')
    writeIndexFile(known, lab.fileIndex)
    mkdirSync(upper)
    const archives = copyFiles({
      ...{ layers: [lab.directory], known, patterns: ['.'], inline: [], lowers: [], upper, target: '/', chown: '0:0' },
      ...more,
    })
    return { archives, upper, text: (path: string) => readFileSync(join(upper, path), 'utf8') }
  }

  it('has what is as it was', () => {
    using lab = open({ 'd/f': 'F', l: '-> d/f' })
    chmodSync(join(lab.directory, 'd'), 0o2750)
    const { text, upper } = copy(lab)
    expect(text('d/f')).to.equal('F')
    expect(readlinkSync(join(upper, 'l'))).to.equal('d/f')
    expect(lstatSync(join(upper, 'd')).mode & 0o7777).to.equal(lab.fileIndex.get('/d')?.mode)
  })

  const changes: Readonly<Record<string, (lab: ReturnType<typeof open>) => void>> = {
    'written to': (lab) => lab.put('d/f', 'longer than it was'),
    replaced: (lab) => lab.put('d/f', 'G'),
    'given another mode': (lab) => chmodSync(join(lab.directory, 'd/f'), 0o600),
    'made a link': (lab) => lab.put('d/f', '-> /etc/passwd'),
    removed: (lab) => rmSync(join(lab.directory, 'd/f')),
  }
  for (const [what, change] of Object.entries(changes))
    it(`is a conflict when a file was ${what} meanwhile`, () => {
      using lab = open({ 'd/f': 'F' })
      settle(join(lab.directory, 'd/f'))
      change(lab)
      expect(() => copy(lab))
        .to.throw('changed while the image was built')
        .with.property('fault', 'conflict')
    })

  it('has nothing of elsewhere, when links take the place of files and directories meanwhile', async () => {
    using lab = open({ f: 'open', 'd/f': 'open' })
    const at = (path: string): string => join(lab.root, path)
    for (const path of ['secrets', 'aside-f', 'aside-d']) mkdirSync(at(path))
    writeFileSync(at('secrets/f'), 'secret')
    const pauseMs = 1
    await using swaps = await swapping(
      { place: at('context/f'), target: at('secrets/f'), aside: at('aside-f'), pauseMs },
      { place: at('context/d'), target: at('secrets'), aside: at('aside-d'), pauseMs },
    )
    const upper = at('upper')
    const known = at('indexFile')
    const seen = { whole: 0, conflicts: 0 }
    for (const end = Date.now() + 1500; Date.now() < end;) {
      rmSync(upper, { recursive: true, force: true })
      mkdirSync(upper)
      try {
        writeIndexFile(known, scanLive(lab.directory, new Map()))
        copyFiles({ layers: [lab.directory], known, patterns: ['.'], inline: [], lowers: [], upper, target: '/' })
        seen.whole++
      } catch (error) {
        if (!(error instanceof EngineError)) throw error
        expect(error.fault).to.equal('conflict')
        seen.conflicts++
      }
      const copied = new LayerTree([upper])
      for (const path of ['/f', '/d/f']) {
        const { entry } = copied.resolve(path)
        if (entry) expect(readFileSync(entry.paths[0], 'utf8'), path).to.equal('open')
      }
    }
    expect(swaps.go()).to.equal(true)
    expect(seen.whole, 'copies').to.be.greaterThan(0)
    expect(seen.conflicts, 'conflicts').to.be.greaterThan(0)
  })

  it('has links as they were', () => {
    using lab = open({ l: '-> one' })
    lab.put('l', '-> two')
    expect(readlinkSync(join(copy(lab).upper, 'l'))).to.equal('one')
  })

  it('hands an archive on with its stamp, and looks into none that is another by now', () => {
    using lab = open({ 'a.tar': 'ustar'.padStart(262, '\0').padEnd(1024, '\0') })
    const { archives } = copy(lab, { patterns: ['a.tar'], keepArchives: true })
    expect(archives).to.have.length(1)
    expect(archives[0]?.stamp).to.equal(lab.fileIndex.get('/a.tar')?.stamp)
    lab.put('a.tar', 'ustar'.padStart(262, '\0').padEnd(1024, '!'))
    rmSync(join(lab.root, 'upper'), { recursive: true })
    expect(() => copy(lab, { patterns: ['a.tar'], keepArchives: true })).to.throw('changed while')
  })

  it('is digested by the file index, whatever the disk has', () => {
    using lab = open({ f: 'F', g: 'G' })
    const known = join(lab.root, 'indexFile')
    const digest = (fileIndex: FileIndex, name: string): string => {
      writeIndexFile(`${known}-${name}`, fileIndex)
      return digestSources({ layers: [lab.directory], known: `${known}-${name}`, patterns: ['.'] })
    }
    const first = digest(lab.fileIndex, '1')
    writeFileSync(join(lab.directory, 'f'), 'changed')
    expect(digest(lab.fileIndex, '2')).to.equal(first)
    expect(digest(scanLive(lab.directory, new Map()), '3')).not.to.equal(first)
    expect(digest(without(lab.fileIndex, '/g'), '4')).not.to.equal(first)
  })
})
