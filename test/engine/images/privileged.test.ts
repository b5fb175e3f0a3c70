import { expect } from 'chai'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { isPrivileged } from '../../../src/engine/images/privileged.js'
import { importImage } from '../../../src/engine/images/import.js'
import { sumLayer } from '../../../src/engine/images/pack.js'
import { archive, type Entry, openStore, temporary } from './lab.js'

// revision 2, CAP_NET_RAW
const capability: [string, Buffer] = ['security.capability', Buffer.from([1, 0, 0, 2, 0, 32].concat(Array(14).fill(0)))]

describe('whether a program may give its caller more than it has', () => {
  const table: readonly (readonly [mode: number, xattrs: [string, Buffer][], whether: boolean])[] = [
    [0o755, [], false],
    [0o4755, [], true],
    [0o4100, [], true],
    [0o4644, [], false],
    [0o2755, [], true],
    [0o2705, [], false],
    [0o2644, [], false],
    [0o1777, [], false],
    [0o755, [['user.x', Buffer.from('x')]], false],
    [0o755, [capability], true],
    [0o644, [capability], false],
  ]
  for (const [mode, xattrs, whether] of table)
    it(`is ${String(whether)} of mode ${mode.toString(8)} with ${xattrs.map(([name]) => name).join() || 'nothing'}`, () =>
      expect(isPrivileged(mode, xattrs)).to.equal(whether))

  it('is told of a directory that becomes a layer', () => {
    using lab = temporary()
    mkdirSync(join(lab.path, 'd'))
    chmodSync(join(lab.path, 'd'), 0o7777)
    writeFileSync(join(lab.path, 'd/f'), '')
    symlinkSync('f', join(lab.path, 'd/l'))
    expect(sumLayer(lab.path).hasPrivilegedFiles).to.equal(false)
    chmodSync(join(lab.path, 'd/f'), 0o4755)
    expect(sumLayer(lab.path).hasPrivilegedFiles).to.equal(true)
  })

  it('is told of an archive that becomes one, and known by the next engine', async () => {
    const plain: Entry[] = [
      { name: 'd/', type: 'directory', mode: 0o7777 },
      { name: 'd/f', content: 'x', mode: 0o755 },
    ]
    using lab = temporary()
    const store = await openStore(lab.path)
    const adopt = async (entries: readonly Entry[]) => {
      const stage = await store.layers.draft()
      return store.layers.adopt(stage, Readable.from([archive(entries)]))
    }
    expect((await adopt(plain)).hasPrivilegedFiles).to.equal(false)
    const { hasPrivilegedFiles, diffId } = await adopt([
      ...plain,
      { name: 'g', content: 'x', xattrs: [capability], mode: 0o755 },
    ])
    expect([hasPrivilegedFiles, store.layers.hasPrivilegedFiles(diffId)]).to.deep.equal([true, true])
    const bring = (name: string, entries: readonly Entry[]) =>
      importImage(store, Readable.from([archive(entries)]), {
        names: [name],
        config: {},
        created: '2024-01-01T00:00:00Z',
        createdBy: 'test',
        comment: '',
      })
    const [without, having] = [await bring('a', plain), await bring('b', [...plain, { name: 's', mode: 0o4755 }])]
    await store[Symbol.asyncDispose]()
    await using next = await openStore(lab.path)
    expect([without, having].map(({ id }) => next.hasPrivilegedFiles(id))).to.deep.equal([false, true])
    expect(next.hasPrivilegedFiles('sha256:gone')).to.equal(true)
    expect(next.layers.hasPrivilegedFiles('sha256:gone')).to.equal(true)
  })
})
