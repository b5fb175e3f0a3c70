import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { pointersOf } from '../../../src/git/lfs/pointers.js'
import { gitRig, type GitRig, type WorkingCopy } from '../rig.js'

describe('the files of a commit that Git LFS keeps', function () {
  this.timeout(30_000)
  let rig: GitRig
  let copy: WorkingCopy
  before(async () => {
    rig = await gitRig({ socket: false })
    await rig.app('pointers')
    copy = await rig.clone('pointers')
  })
  after(() => rig[Symbol.asyncDispose]())

  const oidOf = (text: string): string => createHash('sha256').update(text).digest('hex')
  const pointer = (text: string, size = text.length): string =>
    `version https://git-lfs.github.com/spec/v1\noid sha256:${oidOf(text)}\nsize ${size}\n`
  const found = (commit: string) =>
    pointersOf(join(copy.dir, '.git'), commit, {}, { files: 1000, tree: 16 * 2 ** 20 }).then(
      (all) => all.map(({ path, oid, size }) => [path, oid, size]),
      (error: unknown) => (error as Error).message,
    )

  it('are those that its attributes give to it, and that read as pointers', async () => {
    expect(await found(await copy.commit({ 'a.bin': pointer('a') }))).to.deep.equal([])
    await writeFile(join(copy.dir, 'latin.bin'), Buffer.from([0xe4, 0xff, 0x0a]))
    const commit = await copy.commit({
      '.gitattributes': '*.bin filter=lfs\nnot.bin -filter\n',
      'not.bin': pointer('not'),
      'real.bin': 'no pointer',
      'same.bin': pointer('a'),
      'sub/.gitattributes': 'x filter=lfs\n',
      'sub/x': pointer('x'),
      'zä "q"\n.bin': pointer('z'),
      'zz.txt': pointer('text'),
    })
    expect(await found(commit)).to.deep.equal([
      ['a.bin', oidOf('a'), 1],
      ['same.bin', oidOf('a'), 1],
      ['sub/x', oidOf('x'), 1],
      ['zä "q"\n.bin', oidOf('z'), 1],
    ])
  })

  it('are no more than a push may bring', async () => {
    const commit = await copy.commit({ 'huge.bin': pointer('huge', 2 ** 40) })
    expect(await found(commit)).to.equal('its files take more than 16 MiB with those of Git LFS')
  })
})
