import { expect } from 'chai'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { copyFiles } from '../../../src/engine/images/copy-files.js'
import { copyOver, type CopyOverTask } from '../../../src/engine/images/copy-over.js'
import { writeIndexFile } from '../../../src/engine/images/index-file.js'
import { scanLive } from '../../../src/engine/images/scan.js'
import { isWhiteout, LayerTree, type TreeEntry } from '../../../src/engine/images/tree.js'
import { temporary } from './lab.js'

describe('a copy that is laid upon an earlier one', () => {
  /** A context with a large file, copied onto a layer that has directories, a file and a link of its own. */
  const open = (root: string) => {
    const [context, base, first, whole, over] = ['context', 'base', 'first', 'whole', 'over'].map((name) =>
      join(root, name),
    ) as [string, string, string, string, string]
    const put = (path: string, text: string): void => {
      mkdirSync(dirname(join(context, path)), { recursive: true })
      writeFileSync(join(context, path), text)
    }
    for (let n = 0; n < 60; n++) put(`many/${String(n % 5)}/${String(n)}`, `file ${String(n)}`)
    put('large', '')
    truncateSync(join(context, 'large'), 2 ** 23)
    put('was/here/file', 'goes')
    put('changes', 'before')
    put('below', 'above')
    symlinkSync('before', join(context, 'link'))
    mkdirSync(join(base, 'app/kept'), { recursive: true, mode: 0o700 })
    writeFileSync(join(base, 'app/below'), 'below')
    symlinkSync('kept', join(base, 'app/also'))
    let count = 0
    const task = (upper: string): Omit<CopyOverTask, 'earlier'> => {
      const known = join(root, `index-${String(++count)}`)
      writeIndexFile(known, scanLive(context, new Map()))
      if (!existsSync(upper)) mkdirSync(upper)
      return {
        layers: [context],
        known,
        patterns: ['.'],
        inline: [],
        lowers: [base],
        upper,
        target: '/app/',
        chown: '7:8',
      }
    }
    const earlier = { directory: first, copies: `${first}.copies` }
    copyFiles({ ...task(first), copies: earlier.copies })
    return {
      context,
      over,
      put,
      place: (path: string) => join(context, path),
      lay: (more: Partial<CopyOverTask> = {}) => copyOver({ ...task(over), earlier, ...more }),
      /** What is seen of the stack with what was laid upon it, and of one with a whole copy instead. */
      both: () => {
        copyFiles(task(whole))
        return [seen([base, first, over]), seen([base, whole])] as const
      },
    }
  }

  const seen = (layers: readonly string[]): string[] => {
    const tree = new LayerTree(layers)
    const lines: string[] = []
    const visit = (path: string, entry: TreeEntry): void => {
      const { stat } = entry
      const about = [stat.mode.toString(8), stat.uid, stat.gid]
      if (!stat.isDirectory()) about.push(Math.floor(stat.mtimeMs / 1000), stat.size)
      if (stat.isSymbolicLink()) about.push(tree.linkOf(entry))
      lines.push([path, ...about].join(' '))
      if (stat.isDirectory()) for (const [name, child] of tree.children(entry)) visit(`${path}/${name}`, child)
    }
    visit('', tree.root)
    return lines
  }

  /** Files and whiteouts of a layer. */
  const written = (layer: string): string[] =>
    readdirSync(layer, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map(({ parentPath, name }) => join(parentPath, name))
      .map((path) => `${isWhiteout(lstatSync(path)) ? 'no ' : ''}${path.slice(layer.length + 1)}`)
      .sort()

  it('holds what has changed alone, and makes of both what a whole copy is', () => {
    using lab = temporary()
    const { over, put, place, lay, both } = open(lab.path)
    put('changes', 'afterwards')
    put('new/deep/file', 'new')
    put('kept/inside', 'new in a directory of the image')
    rmSync(place('was'), { recursive: true })
    rmSync(place('many/3/3'))
    rmSync(place('link'))
    symlinkSync('after', place('link'))
    utimesSync(place('many/4/4'), 1, 1)
    expect(lay()).to.equal(true)
    expect(written(over)).to.deep.equal(
      [
        'app/changes',
        'app/kept/inside',
        'app/link',
        'app/many/4/4',
        'app/new/deep/file',
        'no app/many/3/3',
        'no app/was',
      ].sort(),
    )
    const [laid, whole] = both()
    expect(laid).to.deep.equal(whole)
  })

  const refused: Record<string, (lab: ReturnType<typeof open>) => Partial<CopyOverTask> | undefined> = {
    'what becomes a directory': ({ put, place }) => {
      rmSync(place('changes'))
      put('changes/file', '')
      return undefined
    },
    'a link that becomes a file': ({ put, place }) => {
      rmSync(place('link'))
      put('link', '')
      return undefined
    },
    'a directory that becomes a file': ({ put, place }) => {
      rmSync(place('was'), { recursive: true })
      put('was', '')
      return undefined
    },
    'a file gone that the image has below': ({ place }) => {
      rmSync(place('below'))
      return undefined
    },
    'a directory where the image has a link': ({ put }) => {
      put('also/file', '')
      return undefined
    },
    'a file where the image has a directory': ({ put }) => {
      put('kept', '')
      return undefined
    },
    'more than a quarter that differs': ({ place }) => {
      renameSync(place('many/1'), place('other'))
      renameSync(place('many/2'), place('another'))
      return undefined
    },
    'a layer of which nothing is known': () => ({ earlier: { directory: '/nowhere', copies: '/nowhere' } }),
    'here-documents': () => ({ inline: [{ name: 'text', content: '' }] }),
    'several sources': () => ({ patterns: ['many', 'was'] }),
    'a copy that is not looked at from below': () => ({ link: true }),
  }
  for (const [what, change] of Object.entries(refused))
    it(`writes nothing for ${what}`, () => {
      using lab = temporary()
      const at = open(lab.path)
      expect(at.lay(change(at))).to.equal(false)
      expect(readdirSync(at.over)).to.deep.equal([])
    })

  it('is not made of few files of few bytes', () => {
    using lab = temporary()
    const { context, put, lay, place } = open(lab.path)
    rmSync(context, { recursive: true })
    put('changes', 'after')
    expect(existsSync(place('changes'))).to.equal(true)
    expect(lay()).to.equal(false)
  })

  it('is a conflict when a changed file is another by the time it is copied', () => {
    using lab = temporary()
    const { place, put, lay } = open(lab.path)
    put('changes', 'after')
    const known = join(lab.path, 'index')
    writeIndexFile(known, scanLive(place(''), new Map()))
    put('changes', 'later, and longer')
    expect(() => lay({ known })).to.throw('changed while the image was built')
  })
})
