import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { expect } from 'chai'
import { pack, type Header } from 'tar-stream'
import { entriesOfArchive } from '../../../src/cli/deploy/archive.js'
import { importEntries } from '../../../src/cli/deploy/import.js'
import { Workspace } from '../../../src/cli/deploy/workspace.js'
import { must } from '../../run.js'

type Entry = Partial<Header> & { readonly name: string } & { readonly text?: string }

async function tarOf(...entries: readonly Entry[]): Promise<Buffer> {
  const tar = pack()
  for (const { text, ...header } of entries) tar.entry(header, text ?? '')
  tar.finalize()
  return buffer(tar)
}

describe('an archive that is deployed', () => {
  let dir: string
  let workspace: Workspace
  const { BERTH_CONFIG_DIR } = process.env
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-archive-'))
    process.env.BERTH_CONFIG_DIR = join(dir, 'config')
    workspace = await Workspace.open({ url: 'http://berth.localhost', token: 'x' }, 'app')
  })
  after(async () => {
    await workspace[Symbol.asyncDispose]()
    if (BERTH_CONFIG_DIR === undefined) Reflect.deleteProperty(process.env, 'BERTH_CONFIG_DIR')
    else process.env.BERTH_CONFIG_DIR = BERTH_CONFIG_DIR
    await rm(dir, { recursive: true })
  })

  async function read(bytes: Buffer, name = 'archive'): Promise<string[]> {
    const file = join(dir, name)
    await writeFile(file, bytes)
    const tree = await importEntries(workspace, entriesOfArchive(file))
    const listed = await workspace.git(['ls-tree', '-r', '-z', tree])
    return listed.split('\0').filter((line) => line !== '')
  }
  /** `mode path digest-of-content` of what git has. */
  async function contents(bytes: Buffer): Promise<string[]> {
    const lines = await read(bytes)
    return Promise.all(
      lines.map(async (line) => {
        const [, mode = '', id = '', path = ''] = /^(\d+) blob (\w+)\t([\s\S]*)$/.exec(line) ?? []
        return `${mode} ${path} ${await workspace.git(['cat-file', 'blob', id])}`
      }),
    )
  }
  const refusal = (bytes: Buffer): Promise<string> =>
    read(bytes).then(
      (lines) => `taken: ${lines.join(' ')}`,
      (error: unknown) => (error as Error).message,
    )

  const files: readonly Entry[] = [
    { name: 'app/', type: 'directory' },
    { name: 'app/run.sh', text: '#!/bin/sh', mode: 0o755 },
    { name: 'app/sub/a "b" ü.txt', text: 'hi' },
    { name: 'app/empty', text: '' },
    { name: 'app/link', type: 'symlink', linkname: 'sub/a' },
    { name: 'app/again', type: 'link', linkname: 'app/run.sh' },
  ]
  const right = [
    '100755 again #!/bin/sh',
    '100644 empty ',
    '120000 link sub/a',
    '100755 run.sh #!/bin/sh',
    '100644 sub/a "b" ü.txt hi',
  ]

  for (const [name, made] of [
    ['tar', (tar: Buffer) => tar],
    ['tar.gz', (tar: Buffer) => gzipSync(tar)],
    ['tar.zst', (tar: Buffer) => zstdCompressSync(tar)],
    [
      'tar.gz of two members',
      (tar: Buffer) => Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(tar.subarray(700))]),
    ],
  ] as const)
    it(`may be a ${name}: its files, links and modes are kept, its one directory is not`, async () =>
      expect(await contents(made(await tarOf(...files)))).to.deep.equal(right))

  it('may be a zip', async () => {
    const from = join(dir, 'from')
    await mkdir(join(from, 'app/sub'), { recursive: true })
    await writeFile(join(from, 'app/run.sh'), '#!/bin/sh', { mode: 0o755 })
    await writeFile(join(from, 'app/sub/a "b" ü.txt'), 'hi')
    await writeFile(join(from, 'app/empty'), '')
    await symlink('sub/a', join(from, 'app/link'))
    const script = `
import os, sys, zipfile
z = zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED)
for root, _, names in os.walk('.'):
    for name in names:
        path = os.path.join(root, name)
        info = zipfile.ZipInfo(os.path.relpath(path)); info.create_system = 3
        info.external_attr = os.lstat(path).st_mode << 16
        z.writestr(info, os.readlink(path) if os.path.islink(path) else open(path).read())
z.close()`
    await must('python3', ['-c', script, join(dir, 'made.zip')], { cwd: from })
    expect(await contents(await readFile(join(dir, 'made.zip')))).to.deep.equal(right.slice(1))
  })

  /** A zip as Python writes it, of what a script writes to `z`. */
  async function zipBy(script: string): Promise<Buffer> {
    const file = join(dir, 'scripted.zip')
    await must('python3', [
      '-c',
      `import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1], 'w')\n${script}\nz.close()`,
      file,
    ])
    return readFile(file)
  }

  it('may be a zip of a tool that writes backslashes, by which none leads out', async () => {
    const named = (name: string): string => `z.writestr(zipfile.ZipInfo(${JSON.stringify(name)}), 'x')`
    const lines = [String.raw`app\a.txt`, String.raw`app\sub\b.txt`, 'app/sub/c.txt'].map(named).join('\n')
    expect(await contents(await zipBy(lines))).to.deep.equal([
      '100644 a.txt x',
      '100644 sub/b.txt x',
      '100644 sub/c.txt x',
    ])
    expect(await refusal(await zipBy(named(String.raw`..\evil`)))).to.match(/not to be trusted.*\.\.\/evil/)
    expect(await refusal(await zipBy(named(String.raw`C:\evil`)))).to.match(/not to be trusted.*C:\/evil/)
    expect(await refusal(await zipBy(`${named('a/b')}\n${named(String.raw`a\b`)}`))).to.match(/there twice/)
  })

  it('is refused with too many entries before any is read', async () => {
    // the ends of a zip (APPNOTE.TXT, 4.3.14 to 4.3.16) that tell of entries which are not even there
    const end64 = Buffer.alloc(56)
    end64.write('PK\x06\x06')
    end64.writeUInt32LE(44, 4)
    end64.writeUInt32LE(200_001, 24)
    end64.writeUInt32LE(200_001, 32)
    const locator = Buffer.alloc(20)
    locator.write('PK\x06\x07')
    locator.writeUInt32LE(1, 16)
    const end = Buffer.concat([Buffer.from('PK\x05\x06'), Buffer.alloc(4), Buffer.alloc(12, 255), Buffer.alloc(2)])
    const first = Buffer.from('PK\x03\x04')
    locator.writeUInt32LE(first.length, 8)
    expect(await refusal(Buffer.concat([first, end64, locator, end]))).to.match(/more than 200000 entries/)
  })

  it('is read as it comes, large files too, and made by a real tar', async () => {
    const from = join(dir, 'large')
    await mkdir(from)
    const bytes = randomBytes(5 * 1024 * 1024)
    await writeFile(join(from, 'large.bin'), bytes)
    await writeFile(join(from, 'x'.repeat(200)), 'long')
    await must('tar', ['--sparse', '-czf', join(dir, 'real.tgz'), '-C', from, '.'])
    const tree = await importEntries(workspace, entriesOfArchive(join(dir, 'real.tgz')))
    const id = createHash('sha1')
      .update(`blob ${String(bytes.length)}\0`)
      .update(bytes)
      .digest('hex')
    const listed = await workspace.git(['ls-tree', '-r', tree])
    expect(listed).to.include(id).and.include('x'.repeat(200))
  })

  for (const [what, entries, words] of [
    ['a path that leads out', [{ name: '../x', text: 'x' }], /leads out of the archive/],
    ['an absolute path', [{ name: '/etc/cron.d/x', text: 'x' }], /absolute path/],
    ['a link that leads out', [{ name: 'x', type: 'symlink', linkname: '/etc' }], /link that leads out/],
    [
      'a file through a link',
      [
        { name: 'x', type: 'symlink', linkname: 'y' },
        { name: 'x/passwd', text: 'x' },
      ],
      /file and a directory/,
    ],
    ['a hard link to what is not there', [{ name: 'x', type: 'link', linkname: '../../etc/passwd' }], /leads out/],
    [
      'a hard link to what comes later',
      [
        { name: 'x', type: 'link', linkname: 'y' },
        { name: 'y', text: 'y' },
      ],
      /not in it before/,
    ],
    ['a device', [{ name: 'x', type: 'character-device', devmajor: 1, devminor: 3 }], /is character-device/],
    ['a fifo', [{ name: 'x', type: 'fifo' }], /is fifo/],
    [
      'the same name twice',
      [
        { name: 'x', text: '1' },
        { name: './x', text: '2' },
      ],
      /there twice/,
    ],
    ['nothing', [], /nothing to deploy|neither tar nor zip/],
    ['only a directory', [{ name: 'app/', type: 'directory' }], /nothing to deploy/],
    ['only a .git', [{ name: '.git/config', text: 'x' }], /nothing to deploy/],
  ] satisfies [string, Entry[], RegExp][])
    it(`is refused with ${what}`, async () => expect(await refusal(await tarOf(...entries))).to.match(words))

  it('is taken without its .git', async () =>
    expect(await contents(await tarOf({ name: '.git/config', text: 'evil' }, { name: 'a', text: 'a' }))).to.deep.equal([
      '100644 a a',
    ]))

  it('is refused when it is damaged, or none', async () => {
    const tar = await tarOf(...files, { name: 'long', text: 'x'.repeat(5000) })
    expect(await refusal(tar.subarray(0, tar.length - 4096))).to.match(/damaged/)
    expect(await refusal(gzipSync(tar).subarray(0, 200))).to.match(/damaged/)
    expect(await refusal(gzipSync(Buffer.from('no tar at all')))).to.match(/damaged|nothing/)
    expect(await refusal(Buffer.from('hello'))).to.match(/no archive/)
    expect(await refusal(Buffer.alloc(0))).to.match(/no archive/)
    expect(await refusal(Buffer.from('425a683931', 'hex'))).to.match(/bzip2 are not read/)
    expect(await refusal(Buffer.from('504b0304ffffffff', 'hex'))).to.match(/damaged/)
  })

  it('is refused where it is a bomb', async () => {
    const zeros = Buffer.alloc(1024 * 1024)
    const header = (await tarOf({ name: 'x', text: '' })).subarray(0, 512)
    // a size of 8 GiB, in octal
    const huge = Buffer.from(header)
    huge.write('100000000000', 124)
    huge.write('        ', 148)
    huge.write(
      `${huge
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    )
    expect(await refusal(Buffer.concat([huge, zeros]))).to.match(/more than 4 GiB/)
    const long = Buffer.from(huge)
    long.write('L', 156) // GNU's long name: a reader holds all of it
    long.write('        ', 148)
    long.write(
      `${long
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    )
    const pieces = [long, ...Array.from({ length: 20 }, () => zeros)]
    expect(await refusal(gzipSync(Buffer.concat(pieces)))).to.match(/damaged: Header exceeds/)
  })
})
