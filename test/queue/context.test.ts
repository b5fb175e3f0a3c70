import { expect } from 'chai'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { extract } from 'tar-stream'
import { buildContext, contextOf } from '../../src/queue/context.js'

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

  describe('of a tree on the engine’s own disk', () => {
    const plan = {
      buildpack: 'nodejs',
      name: 'Node.js',
      version: '',
      dockerfile: 'FROM x\n',
      dockerignore: 'docs\n!.*',
      processTypes: {},
      notes: [],
    } as const
    const read = (name: string): Promise<string> => readFile(join(dir, name), 'utf8')

    it('is the tree and the plan’s files, which no COPY sees', async () => {
      const { stream, options } = await contextOf(dir, plan, true)
      expect(options).to.deep.equal({ dockerfile: '.berth.Dockerfile', directory: dir })
      expect(await stream.toArray()).to.deep.equal([])
      expect(await read('.berth.Dockerfile')).to.equal('FROM x\n')
      expect(await read('.berth.Dockerfile.dockerignore')).to.equal(
        'docs\n!.*\n.berth.Dockerfile\n.berth.Dockerfile.dockerignore\n',
      )
    })

    it('writes through no link that the app has in their place', async () => {
      await writeFile(join(dir, 'elsewhere'), 'untouched')
      await symlink('elsewhere', join(dir, '.berth.Dockerfile'))
      await mkdir(join(dir, '.berth.Dockerfile.dockerignore/full'), { recursive: true })
      await contextOf(dir, plan, true)
      expect(await read('elsewhere')).to.equal('untouched')
      expect(await read('.berth.Dockerfile')).to.equal('FROM x\n')
    })

    it('is the tree alone for an app with a Dockerfile of its own', async () => {
      const { options } = await contextOf(dir, { ...plan, buildpack: 'dockerfile' }, true)
      expect(options).to.deep.equal({ dockerfile: 'Dockerfile', directory: dir })
      expect(await readdir(dir)).to.deep.equal([])
    })
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
