import { expect } from 'chai'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { extract } from 'tar-stream'
import { buildContext } from '../../src/engine-client/build-context.js'

describe('a build context', () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-context-'))
  })
  afterEach(() => rm(dir, { recursive: true }))

  async function entriesOf(...args: Parameters<typeof buildContext>) {
    const found: Record<
      string,
      { type: string | undefined; mode: number | undefined; text: string; link: string | null | undefined }
    > = {}
    const reader = extract()
    buildContext(...args).pipe(reader)
    for await (const entry of reader) {
      let text = ''
      for await (const chunk of entry) text += String(chunk)
      const { name, type, mode, linkname } = entry.header
      found[name] = { type, mode, text, link: linkname }
    }
    return found
  }

  it('has files, directories and links as they are, and what is added', async () => {
    await mkdir(join(dir, 'sub'))
    await writeFile(join(dir, 'sub/ü.txt'), 'ü')
    await writeFile(join(dir, 'run.sh'), '#!')
    await chmod(join(dir, 'run.sh'), 0o700)
    await symlink('/etc/passwd', join(dir, 'link'))
    const found = await entriesOf(dir, '', [{ name: '.berth.Dockerfile', text: 'FROM x' }])
    expect(found).to.deep.equal({
      link: { type: 'symlink', mode: 0o755, text: '', link: '/etc/passwd' },
      'run.sh': { type: 'file', mode: 0o755, text: '#!', link: null },
      'sub/': { type: 'directory', mode: 0o755, text: '', link: null },
      'sub/ü.txt': { type: 'file', mode: 0o644, text: 'ü', link: null },
      '.berth.Dockerfile': { type: 'file', mode: 0o644, text: 'FROM x', link: null },
    })
  })

  it('leaves out what .dockerignore says, and keeps its exceptions', async () => {
    await mkdir(join(dir, 'node_modules/x'), { recursive: true })
    await writeFile(join(dir, 'node_modules/x/index.js'), '')
    await mkdir(join(dir, 'docs'))
    await writeFile(join(dir, 'docs/a.md'), '')
    await writeFile(join(dir, 'docs/keep.md'), '')
    await writeFile(join(dir, 'a.md'), '')
    expect(Object.keys(await entriesOf(dir, 'node_modules\ndocs/*\n!docs/keep.md'))).to.deep.equal([
      'a.md',
      'docs/',
      'docs/keep.md',
    ])
  })

  it('is read no faster than it is taken', async () => {
    await writeFile(join(dir, 'big'), Buffer.alloc(50_000_000))
    const before = process.memoryUsage().arrayBuffers
    const context = buildContext(dir, '')
    await new Promise((resolve) => context.once('readable', resolve))
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(10_000_000)
    context.destroy()
  })
})
