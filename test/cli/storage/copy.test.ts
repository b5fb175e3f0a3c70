import { mkdir, mkdtemp, readdir, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { expect } from 'chai'
import { pack, type Pack } from 'tar-stream'
import { packLocal, unpackLocal } from '../../../src/cli/storage/copy.js'

type EntryHeader = Parameters<Pack['entry']>[0]

describe('copies between a volume and here', () => {
  let dir = ''
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-copy-'))
    await mkdir(join(dir, 'to'))
  })
  afterEach(() => rm(dir, { recursive: true }))

  const tar = async (...entries: readonly (readonly [EntryHeader, string?])[]): Promise<Buffer> => {
    const archive = pack()
    for (const [header, text] of entries) archive.entry(header, text ?? '')
    archive.finalize()
    return buffer(archive)
  }
  const unpack = (archive: Buffer) =>
    unpackLocal(
      (async function* () {
        for (let at = 0; at < archive.length; at += 700) yield await Promise.resolve(archive.subarray(at, at + 700))
      })(),
      join(dir, 'to'),
    ).then(
      () => '',
      (error: unknown) => String(error),
    )

  it('bring back what they took', async () => {
    await mkdir(join(dir, 'from/deep'), { recursive: true })
    await writeFile(join(dir, 'from/deep/file'), 'x'.repeat(100_000), { mode: 0o640 })
    await writeFile(join(dir, 'from/empty'), '')
    await symlink('deep/file', join(dir, 'from/link'))
    expect(await unpack(await buffer(packLocal(join(dir, 'from'))))).to.equal('')
    expect((await readdir(join(dir, 'to'), { recursive: true })).sort()).to.deep.equal(
      ['from', 'from/deep', 'from/deep/file', 'from/empty', 'from/link'].sort(),
    )
    const { size, mode } = await stat(join(dir, 'to/from/deep/file'))
    expect([size, mode & 0o777]).to.deep.equal([100_000, 0o640])
    expect(await readlink(join(dir, 'to/from/link'))).to.equal('deep/file')
  })

  const hostile: readonly (readonly [string, readonly (readonly [EntryHeader, string?])[], RegExp])[] = [
    ['a name with ..', [[{ name: '../out' }, 'x']], /leads out/],
    ['an absolute name', [[{ name: '/tmp/berth-copy-out' }, 'x']], /leads out/],
    [
      'a way through a link',
      [[{ name: 'way', type: 'symlink', linkname: '..' }], [{ name: 'way/out' }, 'x']],
      /without its directory/,
    ],
    ['a way through a link that is here', [[{ name: 'here/out' }, 'x']], /without its directory/],
    ['a directory in place of a link', [[{ name: 'here', type: 'directory' }], [{ name: 'here/out' }, 'x']], /already/],
    ['a link to a file outside', [[{ name: 'a', type: 'link', linkname: '../secret' }]], /leads out/],
    ['a file that is here', [[{ name: 'kept' }, 'x']], /already/],
    [
      'a file twice',
      [
        [{ name: 'a' }, 'x'],
        [{ name: 'a' }, 'y'],
      ],
      /already/,
    ],
  ]
  for (const [what, entries, words] of hostile)
    it(`refuse ${what}`, async () => {
      await writeFile(join(dir, 'secret'), 'mine')
      await writeFile(join(dir, 'to/kept'), 'mine')
      await symlink('..', join(dir, 'to/here'))
      expect(await unpack(await tar(...entries))).to.match(words)
      expect(await readdir(dir)).to.have.members(['secret', 'to'])
      expect((await stat(join(dir, 'to/kept'))).size).to.equal(4)
    })

  it('leave out what is neither file, directory nor link', async () => {
    const archive = await tar([{ name: 'pipe', type: 'fifo' }], [{ name: 'file' }, 'x'])
    expect(await unpack(archive)).to.equal('')
    expect(await readdir(join(dir, 'to'))).to.deep.equal(['file'])
  })

  it('say so when an archive breaks off', async () => {
    const whole = await tar([{ name: 'file' }, 'x'.repeat(5000)])
    expect(await unpack(whole.subarray(0, 3000))).to.match(/not all of it was copied|damaged/)
  })
})
