import { existsSync } from 'node:fs'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { base, openDocker, openEngine, oracle, type DockerEngine } from './harness.js'

describe('volumes, by the docker command', function () {
  if (process.getuid?.() !== 0) return
  let engine: DockerEngine
  /** The minor version of the API that the client settled on. */
  let api: number
  const refused = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await engine.docker(...args)
    expect(code, `docker ${args.join(' ')}`).to.not.equal(0)
    return stderr
  }
  const lines = async (...args: string[]) => (await engine.must(...args)).split('\n').filter(Boolean)
  const volumes = (...filters: string[]) => lines('volume', 'ls', '-q', ...filters.flatMap((each) => ['-f', each]))
  const inspect = async (name: string) =>
    (JSON.parse(await engine.must('volume', 'inspect', name)) as [Record<string, unknown>])[0]
  const mountpoint = async (name: string) => String((await inspect(name)).Mountpoint)

  before(async () => {
    engine = await openDocker()
    api = Number((await engine.must('version', '-f', '{{.Client.APIVersion}}')).split('.')[1])
  })
  after(() => engine[Symbol.asyncDispose]())
  afterEach(async () => {
    const containers = await lines('ps', '-aq')
    if (containers.length > 0) await engine.must('rm', '-fv', ...containers)
    const left = await volumes()
    if (left.length > 0) await engine.must('volume', 'rm', ...left)
  })

  it('are made, shown and removed', async () => {
    expect(await engine.must('volume', 'create', 'v1')).to.equal('v1')
    expect(await engine.must('volume', 'create', 'v1')).to.equal('v1')
    expect(await engine.must('volume', 'create', '--label', 'kind=db', '--label', 'own', 'v2')).to.equal('v2')
    const shown = await inspect('v2')
    const { CreatedAt, Mountpoint, Options, ...rest } = shown
    expect(rest).to.deep.equal({ Name: 'v2', Driver: 'local', Labels: { kind: 'db', own: '' }, Scope: 'local' })
    expect(Options ?? {}).to.deep.equal({})
    expect(CreatedAt).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    expect((await stat(String(Mountpoint))).isDirectory()).to.equal(true)
    expect(await engine.must('volume', 'rm', 'v1', 'v2')).to.equal('v1\nv2')
    expect(existsSync(String(Mountpoint))).to.equal(false)
    const anonymous = await engine.must('volume', 'create')
    expect(anonymous).to.match(/^[0-9a-f]{64}$/)
    expect(await volumes()).to.deep.equal([anonymous])
  })

  it('are listed by driver, label, name and whether anybody has them', async () => {
    await engine.must('volume', 'create', '--label', 'kind=db', 'base1')
    await engine.must('volume', 'create', '--label', 'kind=web', 'base2')
    await engine.must('volume', 'create', 'other')
    await engine.must('create', '-v', 'other:/x', base)
    expect(await volumes()).to.have.members(['base1', 'base2', 'other'])
    expect(await volumes('label=kind')).to.have.members(['base1', 'base2'])
    expect(await volumes('label=kind=db')).to.deep.equal(['base1'])
    expect(await volumes('label=kind=db', 'label=kind=web')).to.deep.equal([])
    expect(await volumes('name=base')).to.have.members(['base1', 'base2'])
    expect(await volumes('name=^base.$', 'label=kind=web')).to.deep.equal(['base2'])
    expect(await volumes('driver=local')).to.have.lengthOf(3)
    expect(await volumes('driver=nfs')).to.deep.equal([])
    expect(await volumes('dangling=false')).to.deep.equal(['other'])
    expect(await volumes('dangling=1')).to.have.members(['base1', 'base2'])
    expect(await refused('volume', 'ls', '-f', 'colour=red')).to.match(/invalid filter 'colour'/i)
    expect(await refused('volume', 'ls', '-f', 'dangling=perhaps')).to.match(/invalid filter 'dangling=/i)
    expect(await refused('volume', 'prune', '-f', '--filter', 'colour=red')).to.match(/invalid filter 'colour'/i)
  })

  it('are refused under names and with options that lead astray', async () => {
    for (const name of ['../../etc', 'a/b', '-x', 'a b'])
      expect(await refused('volume', 'create', '--name', name), name).to.include(
        `create ${name}: "${name}" includes invalid characters for a local volume name`,
      )
    expect(await refused('volume', 'create', 'x')).to.include('volume name is too short')
    expect(await refused('volume', 'create', '-d', 'nfs', 'x1')).to.include(
      'create x1: error looking up volume plugin nfs: plugin "nfs" not found',
    )
    expect(await refused('volume', 'create', '-o', 'foo=bar', 'x1')).to.include('create x1: invalid option: "foo"')
    for (const [option, missing] of Object.entries({ 'type=tmpfs': 'device', 'device=/x': 'type', 'o=bind': 'device' }))
      expect(await refused('volume', 'create', '-o', option, 'x1')).to.include(`missing required option: "${missing}"`)
    expect(await refused('volume', 'rm', 'nosuch')).to.match(/no such volume/i)
    expect(await refused('volume', 'inspect', 'nosuch')).to.match(/no such volume/i)
    expect(await engine.must('volume', 'rm', '-f', 'nosuch')).to.equal('nosuch')
    expect(await volumes()).to.deep.equal([])
  })

  it('stay while a container has them', async () => {
    const id = await engine.must('create', '-v', 'data:/data', base)
    for (const force of [[], ['-f']])
      expect(await refused('volume', 'rm', ...force, 'data')).to.include(`remove data: volume is in use - [${id}]`)
    expect(await engine.must('volume', 'prune', '-f')).to.not.include('data')
    await writeFile(join(await mountpoint('data'), 'big'), Buffer.alloc(1 << 20, 1))
    expect(await engine.must('system', 'df', '-v')).to.match(/^data +1 +1\.049MB/m)
    await engine.must('rm', '-v', id)
    expect(await volumes(), 'rm -v spares what has a name').to.deep.equal(['data'])
  })

  it('that nobody named go with rm -v and --rm, and stay with rm', async () => {
    const mounts = ['-v', '/a', '--mount', 'type=volume,target=/b', '-v', 'named:/c']
    await engine.must('run', '--rm', ...mounts, base, 'touch', '/a/x', '/b/x')
    expect(await volumes()).to.deep.equal(['named'])
    await engine.must('create', '--name', 'aa', ...mounts, base)
    expect(await volumes()).to.have.lengthOf(3)
    await engine.must('rm', '-v', 'aa')
    expect(await volumes()).to.deep.equal(['named'])
    await engine.must('create', '--name', 'aa', ...mounts, base)
    await engine.must('rm', 'aa')
    expect(await volumes('dangling=true')).to.have.lengthOf(3)
    // the second mount is wrong: nothing of the first is left
    await refused('create', '-v', '/d', '--mount', 'type=volume,src=odd,target=/e,volume-opt=foo=bar', base)
    expect(await volumes()).to.have.lengthOf(3)
  })

  it('are pruned: those without a name, all when asked', async () => {
    await engine.must('create', '--name', 'aa', '-v', '/a', '-v', '/b', base)
    await engine.must('rm', 'aa')
    for (const kind of ['db', 'web']) await engine.must('volume', 'create', '--label', `kind=${kind}`, kind)
    await writeFile(join(await mountpoint('web'), 'big'), Buffer.alloc(1 << 20, 1))
    await engine.must('volume', 'prune', '-f', '--filter', 'label=kind=none')
    expect(await volumes()).to.have.lengthOf(4)
    if (api >= 42) {
      await engine.must('volume', 'prune', '-f')
      expect(await volumes()).to.have.members(['db', 'web'])
    }
    const all = api >= 42 ? ['-a'] : []
    const said = await engine.must('volume', 'prune', '-f', ...all, '--filter', 'label!=kind=db')
    expect(said).to.match(/^web$[^]*Total reclaimed space: 1\.049MB/m)
    expect(await volumes()).to.deep.equal(['db'])
  })

  it('tell what happens to them', async () => {
    const since = String(Math.floor(Date.now() / 1000))
    await engine.must('run', '--rm', '--name', 'aa', '-v', 'data:/data:ro', base, 'true')
    await engine.must('volume', 'rm', 'data')
    await engine.must('volume', 'prune', '-f')
    const format = '{{.Action}} {{.Actor.ID}} {{json .Actor.Attributes}}'
    const until = String(Math.floor(Date.now() / 1000) + 1)
    const all = await lines('events', '--since', since, '--until', until, '-f', 'type=volume', '--format', format)
    const told = all.slice(-5) // what the test before did may have been in the same second
    expect(told.map((line) => line.split(' ').slice(0, 2).join(' '))).to.deep.equal([
      'create data',
      'mount data',
      'unmount data',
      'destroy data',
      'prune ',
    ])
    const attributes = (line = '') => JSON.parse(line.split(' ').slice(2).join(' ')) as Record<string, string>
    expect(attributes(told[1])).to.include({ driver: 'local', destination: '/data', 'read/write': 'false' })
    expect(attributes(told[1]).container).to.match(/^[0-9a-f]{64}$/)
    expect(attributes(told[2])).to.have.keys('container', 'driver')
    expect(attributes(told[4])).to.deep.equal({ reclaimed: '0' })
  })
})

describe('volumes whose engine dies', function () {
  it('are there again, with all they hold, and in use', async function () {
    if (oracle || process.getuid?.() !== 0) this.skip() // without live-restore dockerd takes its containers with it
    await using engine = await openEngine()
    const options = ['-o', 'type=none', '-o', 'o=bind', '-o', `device=${engine.dir}`]
    await engine.must('volume', 'create', ...options, 'bound')
    await engine.must('run', '-d', '--name', 'aa', '-v', 'data:/data', '-v', 'bound:/bound', base, 'sleep', '600')
    await engine.must('exec', 'aa', 'touch', '/data/one', '/bound/two')
    await engine.stop('SIGKILL')
    await engine.boot()
    expect((await engine.docker('volume', 'rm', 'data')).stderr).to.include('volume is in use')
    expect(await engine.must('run', '--rm', '-v', 'data:/x', '-v', 'bound:/y', base, 'ls', '/x', '/y')).to.match(
      /one[^]*two/,
    )
    await engine.must('rm', '-f', 'aa')
    await engine.must('volume', 'rm', 'data', 'bound')
    expect(existsSync(join(engine.dir, 'two')), 'what it stood for is not the volume’s').to.equal(true)
  })
})
