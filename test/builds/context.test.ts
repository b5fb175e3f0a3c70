import { expect } from 'chai'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { contextOf } from '../../src/builds/context.js'

describe('the context of a tree on the engine’s own disk', () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-context-'))
  })
  afterEach(() => rm(dir, { recursive: true }))

  const plan = {
    buildpack: 'nodejs',
    name: 'Node.js',
    found: 'Node.js app',
    version: '',
    dockerfile: 'FROM x\n',
    ownDockerfile: false,
    origin: 'package.json',
    dockerignore: 'docs\n!.*',
    processTypes: {},
    notes: [],
  } as const
  const read = (name: string): Promise<string> => readFile(join(dir, name), 'utf8')

  it('is the tree and the plan’s files, which no COPY sees', async () => {
    const { stream, options, clear } = await contextOf(dir, plan, true)
    expect(options).to.deep.equal({ dockerfile: '.berth.Dockerfile', directory: dir })
    expect(await stream.toArray()).to.deep.equal([])
    expect(await read('.berth.Dockerfile')).to.equal('FROM x\n')
    expect(await read('.berth.Dockerfile.dockerignore')).to.equal(
      'docs\n!.*\n.berth.Dockerfile\n.berth.Dockerfile.dockerignore\n',
    )
    await clear()
    expect(await readdir(dir)).to.deep.equal([])
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
    const { options } = await contextOf(dir, { ...plan, ownDockerfile: 'deploy/Dockerfile' }, true)
    expect(options).to.deep.equal({ dockerfile: 'deploy/Dockerfile', directory: dir })
    expect(await readdir(dir)).to.deep.equal([])
  })
})
