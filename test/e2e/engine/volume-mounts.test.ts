import { existsSync } from 'node:fs'
import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { must } from '../../run.js'
import { base, openDocker, oracle, type DockerEngine } from './harness.js'

describe('what containers mount, by the docker command', function () {
  if (process.getuid?.() !== 0) return
  let engine: DockerEngine
  /** Of the host; not below dockerd's root, of which it mounts nothing privately. */
  const place = `/var/tmp/berth-mounts-${process.pid}`
  /** The 28.2 client knows keys that 20.10 does not, and tells them to engines of API 1.44 on. */
  let modern: boolean
  const refused = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await engine.docker('run', '--rm', ...args, base, 'true')
    expect(code, `docker run ${args.join(' ')}`).to.not.equal(0)
    return stderr
  }
  const sh = (script: string, ...args: string[]) => engine.must('run', '--rm', ...args, base, 'sh', '-c', script)
  const fails = async (script: string, ...args: string[]) =>
    (await engine.docker('run', '--rm', ...args, base, 'sh', '-c', script)).stderr
  const mount = (fields: Record<string, string>, ...flags: string[]): string[] => [
    '--mount',
    [...Object.entries(fields).map(([key, value]) => `${key}=${value}`), ...flags].join(','),
  ]

  before(async () => {
    await mkdir(`${place}/dir/sub`, { recursive: true })
    await mkdir(`${place}/shared`)
    await writeFile(`${place}/dir/file`, 'of the host\n')
    // before the engine is there: both have mount namespaces of their own, which later mounts may not reach
    for (const path of [`${place}/dir/sub`, `${place}/shared`]) await must('mount', ['-t', 'tmpfs', 'none', path])
    await must('mount', ['--make-shared', `${place}/shared`])
    await writeFile(`${place}/dir/sub/inner`, '')
    await mkdir(`${place}/shared/later`)
    engine = await openDocker()
    modern = Number((await engine.must('version', '-f', '{{.Client.APIVersion}}')).split('.')[1]) >= 44
  })
  after(async () => {
    await engine[Symbol.asyncDispose]()
    for (const path of [`${place}/dir/sub`, `${place}/shared`]) await must('umount', ['-R', path])
    await rm(place, { recursive: true, force: true })
  })
  afterEach(async () => {
    const lines = async (...args: string[]) => (await engine.must(...args)).split('\n').filter(Boolean)
    const containers = await lines('ps', '-aq')
    if (containers.length > 0) await engine.must('rm', '-fv', ...containers)
    const left = await lines('volume', 'ls', '-q')
    if (left.length > 0) await engine.must('volume', 'rm', ...left)
  })

  it('are directories and files of the host, by -v and --mount', async () => {
    expect(await sh('cat /x/file', '-v', `${place}/dir:/x`)).to.equal('of the host')
    expect(await sh('cat /y', '-v', `${place}/dir/file:/y:ro`)).to.equal('of the host')
    await sh('echo by the container >/x/new', ...mount({ type: 'bind', source: `${place}/dir`, target: '/x' }))
    expect(await sh('cat /x/new', ...mount({ type: 'bind', src: `${place}/dir/`, dst: '/x/' }))).to.equal(
      'by the container',
    )
    await sh('true', '-v', `${place}/made/deep:/x`)
    expect((await stat(`${place}/made/deep`)).mode & 0o7777, '-v makes what is missing').to.equal(0o755)
    await engine.must('create', '--name', 'aa', '-v', `${place}/late:/x`, base, 'true')
    expect(existsSync(`${place}/late`)).to.equal(false)
    await engine.must('start', '-a', 'aa')
    expect(existsSync(`${place}/late`)).to.equal(true)
    expect(
      await sh('cat /x/y/file', '-v', `${place}/late:/x`, '-v', `${place}/dir:/x/y`),
      'one below the other',
    ).to.equal('of the host')
    for (const mode of ['z', 'Z', 'ro,z', 'rw', 'cached', 'rprivate'])
      await sh('ls /x', '-v', `${place}/dir:/x:${mode}`)
  })

  it('are read-only when asked', async () => {
    for (const args of [
      ['-v', `${place}/dir:/x:ro`],
      mount({ type: 'bind', source: `${place}/dir`, target: '/x' }, 'readonly'),
      ['-v', 'data:/x:ro'],
      mount({ type: 'volume', source: 'data', target: '/x', readonly: 'true' }),
      mount({ type: 'tmpfs', target: '/x' }, 'ro'),
    ])
      expect(await fails('touch /x/y', ...args), args.join(' ')).to.include('Read-only file system')
  })

  it('leave out what is mounted below, when asked', async () => {
    const bind = { type: 'bind', source: `${place}/dir`, target: '/x' }
    expect(await sh('ls /x/sub', '-v', `${place}/dir:/x`)).to.equal('inner')
    const client = await engine.must('version', '-f', '{{.Client.Version}}')
    const flat = client.startsWith('20.')
      ? mount(bind, 'bind-nonrecursive')
      : mount({ ...bind, 'bind-recursive': 'disabled' })
    expect(await sh('ls /x/sub', ...flat)).to.equal('')
    if (oracle) return // what is below is writable for it
    expect(await fails('touch /x/sub/y', ...mount(bind, 'readonly'))).to.include('Read-only file system')
    if (!modern) return
    await sh('touch /x/sub/y', ...mount({ ...bind, 'bind-recursive': 'writable' }, 'readonly'))
    const strict = { ...bind, 'bind-recursive': 'readonly', 'bind-propagation': 'rprivate' }
    expect(await fails('touch /x/sub/y', ...mount(strict, 'readonly'))).to.include('Read-only file system')
  })

  it('take in later mounts of the host where that shares them, and are refused where it does not', async () => {
    for (const [mode, kind] of Object.entries({ shared: 'shared', rslave: 'shared or slave' }))
      expect(await refused('-v', `${place}/dir:/x:${mode}`)).to.match(
        new RegExp(`path \\S+ is mounted on / but it is not a ${kind} mount`),
      )
    if (oracle) return // its namespace has nothing of the host's any more
    const propagation = { type: 'bind', source: `${place}/shared`, target: '/x', 'bind-propagation': 'rslave' }
    await engine.must('run', '-d', '--name', 'aa', ...mount(propagation), base, 'sleep', '600')
    await must('mount', ['-t', 'tmpfs', 'none', `${place}/shared/later`])
    await writeFile(`${place}/shared/later/come`, '')
    expect(await engine.must('exec', 'aa', 'ls', '/x/later')).to.equal('come')
  })

  it('of what is the engine’s own pass on what it unmounts', async () => {
    const root = await engine.must('info', '-f', '{{.DockerRootDir}}')
    const shown = async (...args: string[]): Promise<string> => {
      await engine.must('create', '--name', 'aa', ...args, base, 'true')
      const propagation = await engine.must('inspect', '-f', '{{range .Mounts}}{{.Propagation}}{{end}}', 'aa')
      await engine.must('rm', 'aa')
      return propagation
    }
    for (const source of [root, `${root}/containers`, '/']) {
      expect(await shown('-v', `${source}:/x`)).to.equal('rslave')
      expect(await shown(...mount({ type: 'bind', source, target: '/x' }))).to.equal('rslave')
      expect(await shown('-v', `${source}:/x:rshared`)).to.equal('rshared')
      for (const mode of ['private', 'rprivate', 'slave', 'shared'])
        expect(await refused('-v', `${source}:/x:${mode}`), mode).to.include('must use either propagation mode')
    }
    if (!oracle) expect(await shown('-v', `${root}-not:/x`)).to.equal('rprivate')
    expect(await sh('cat /x/etc/hostname', '-v', '/:/x'), 'even where nothing is shared').to.equal(
      (await must('cat', ['/etc/hostname'])).trim(),
    )
  })

  it('are file systems in memory', async () => {
    const options = async (...args: string[]) => (await sh("grep ' /x ' /proc/mounts", ...args)).split(' ')[3]
    expect(await options('--tmpfs', '/x')).to.match(/^rw,nosuid,nodev,noexec/)
    expect(await options('--tmpfs', '/x:size=1m,mode=700,exec')).to.match(
      /^rw,nosuid,nodev,(?!noexec).*size=1024k,mode=700/,
    )
    const sized = { type: 'tmpfs', target: '/x', 'tmpfs-size': '1m', 'tmpfs-mode': '1770' }
    expect(await options(...mount(sized))).to.match(/^rw,nosuid,nodev,noexec.*size=1024k,mode=1770/)
    expect(await sh('stat -c "%a %u" /x', '--tmpfs', '/x:uid=1000')).to.equal('1777 1000')
    expect(await refused('--tmpfs', '/x:bogus')).to.include('invalid tmpfs option ["bogus"]')
  })

  it('are shown as asked for', async () => {
    const flags = [
      ...['-v', `${place}/dir:/a:ro`, '-v', 'data:/b', '-v', '/c', '--tmpfs', '/d'],
      ...mount({ type: 'tmpfs', target: '/e' }),
      ...mount({ type: 'bind', src: place, dst: '/f', 'bind-propagation': 'private' }),
      ...mount({ type: 'volume', dst: '/g', 'volume-label': 'kind=x' }),
    ]
    await engine.must('create', '--name', 'aa', ...flags, base, 'true')
    const all = JSON.parse(await engine.must('inspect', '-f', '{{json .Mounts}}', 'aa')) as Record<string, unknown>[]
    const found = new Map(all.map((each) => [each.Destination, each]))
    expect([...found.keys()]).to.have.members(['/a', '/b', '/c', '/e', '/f', '/g'])
    expect(found.get('/a')).to.deep.equal({
      ...{ Type: 'bind', Source: `${place}/dir`, Destination: '/a', Mode: 'ro', RW: false, Propagation: 'rprivate' },
    })
    const { Source, ...data } = found.get('/b') ?? {}
    expect(data).to.deep.equal({
      ...{ Type: 'volume', Name: 'data', Destination: '/b', Driver: 'local', Mode: 'z', RW: true, Propagation: '' },
    })
    expect(Source).to.match(/\/volumes\/data\/_data$/)
    expect(found.get('/c')).to.include({ Type: 'volume', Mode: '', RW: true })
    expect(found.get('/e')).to.deep.equal({
      ...{ Type: 'tmpfs', Source: '', Destination: '/e', Mode: '', RW: true, Propagation: '' },
    })
    expect(found.get('/f')).to.include({ Source: place, Propagation: 'private' })
    const labelled = String(found.get('/g')?.Name)
    expect(await engine.must('volume', 'inspect', '-f', '{{index .Labels "kind"}}', labelled)).to.equal('x')
  })

  it('are refused in dockerd’s words', async () => {
    const bind = 'invalid mount config for type "bind": '
    const words: [string[], string][] = [
      [mount({ type: 'bind', source: '/nosuch', target: '/x' }), `${bind}bind source path does not exist: /nosuch`],
      [
        mount({ type: 'bind', source: place, target: 'x' }),
        `${bind}invalid mount path: 'x' mount path must be absolute`,
      ],
      [mount({ type: 'bind', source: place, target: '/' }), `${bind}invalid specification: destination can't be '/'`],
      [
        mount({ type: 'bind', source: place, target: '/x', 'bind-propagation': 'odd' }),
        `${bind}invalid propagation mode: odd`,
      ],
      [mount({ type: 'odd', target: '/x' }), 'invalid mount config for type "odd": mount type unknown'],
      [mount({ type: 'volume', target: '/x' }, 'readonly'), 'must not set ReadOnly mode when using anonymous volumes'],
      [mount({ type: 'tmpfs', source: 'a', target: '/x' }), 'field Source must not be specified'],
      [
        mount({ type: 'volume', source: 'v5', target: '/x', 'volume-opt': 'foo=bar' }),
        'create v5: invalid option: "foo"',
      ],
      [['-v', 'a/b:/x'], '"a/b" includes invalid characters for a local volume name'],
      [
        ['-v', `${place}:x`],
        `invalid volume specification: '${place}:x': ${bind}invalid mount path: 'x' mount path must`,
      ],
      [['-v', `${place}:/x:rw,ro`], 'invalid mode: rw,ro'],
      [['-v', `${place}:/x:odd`], 'invalid mode: odd'],
      [['-v', `${place}:/x:nocopy`], 'field VolumeOptions must not be specified'],
      [['-v', 'data:/x:rslave'], 'field BindOptions must not be specified'],
      [['-v', `${place}:/x`, '-v', 'data:/x'], 'Duplicate mount point: /x'],
      [['-v', `${place}:/x`, '--tmpfs', '/x'], 'Duplicate mount point: /x'],
      [['-v', `${place}:/x`, ...mount({ type: 'tmpfs', target: '/x/' })], 'Duplicate mount point: /x'],
    ]
    for (const [args, message] of words) expect(await refused(...args), args.join(' ')).to.include(message)
  })

  describe('of a new volume', () => {
    const list = (path: string) =>
      `cd ${path} && find . -mindepth 1 -printf '%p %y %#m %U %G %s %n %l\\n' | LC_ALL=C sort`

    it('is what the image has there: owners, modes, links and all', async () => {
      for (const path of ['/var', '/usr/bin', '/var/mail'])
        expect(await sh(list(path), '-v', `data${path.length}:${path}`), path).to.equal(await sh(list(path)))
      const itself = 'stat -c "%a %u %g" /var/mail'
      expect(await sh(itself, ...mount({ type: 'volume', source: 'new', target: '/var/mail' }))).to.equal(
        await sh(itself),
      )
      expect(await sh('ls /other/backups -d', '-v', 'data4:/other'), 'and stays').to.equal('/other/backups')
      await engine.must('create', '-v', 'viaLink:/bin', base)
      expect(await sh('ls /x/dash', '-v', 'viaLink:/x'), 'by a link of the image').to.equal('/x/dash')
    })

    it('is kept empty when asked, or when it has something', async () => {
      expect(await sh('ls /var', '-v', 'one:/var:nocopy')).to.equal('')
      expect(
        await sh('ls /var', ...mount({ type: 'volume', source: 'two', target: '/var' }, 'volume-nocopy')),
      ).to.equal('')
      await sh('touch /x/own', '-v', 'three:/x')
      expect(await sh('ls /var', '-v', 'three:/var')).to.equal('own')
    })

    it('of the image’s own VOLUME keeps extended attributes', async () => {
      const root = join(place, 'image')
      await mkdir(`${root}/data`, { recursive: true })
      await writeFile(`${root}/data/file`, 'x')
      await must('perl', [
        '-e',
        'my ($f, $k, $v) = (@ARGV, "user.k", "v1"); syscall(188, $f, $k, $v, 2, 0) and die $!',
        `${root}/data/file`,
      ])
      await must('tar', ['--xattrs', '-cf', `${place}/image.tar`, '-C', root, '.'])
      await engine.must('import', `${place}/image.tar`, 'files')
      await writeFile(join(root, 'Dockerfile'), 'FROM files\nVOLUME /data\nCMD ["/none"]\n')
      const env = { ...process.env, DOCKER_HOST: `unix://${engine.socket}`, DOCKER_BUILDKIT: '0' }
      const { code, stderr } = await engine.with({ env }, 'build', '-t', 'hull', root)
      expect(code, stderr).to.equal(0)
      await engine.must('create', '-v', 'kept:/data', 'hull')
      const read =
        'my ($f, $k, $v) = ("/x/file", "user.k", "\\0" x 9); my $n = syscall(191, $f, $k, $v, 9); print substr $v, 0, $n'
      expect(await engine.must('run', '--rm', '-v', 'kept:/x', base, 'perl', '-e', read)).to.equal('v1')
      await engine.must('create', '--name', 'own', 'hull')
      expect(await engine.must('inspect', '-f', '{{(index .Mounts 0).Destination}}', 'own')).to.equal('/data')
      await engine.must('create', '--name', 'over', '--tmpfs', '/data', 'hull')
      expect(await engine.must('inspect', '-f', '{{len .Mounts}}', 'over')).to.equal('0')
      await engine.must('rm', '-v', 'own')
      expect(await engine.must('volume', 'ls', '-q')).to.equal('kept')
    })
  })

  describe('of a volume with options', () => {
    it('is a file system in memory for as long as somebody runs with it', async () => {
      const options = ['type=tmpfs', 'device=tmpfs', 'o=size=1m,uid=1000'].flatMap((each) => ['-o', each])
      await engine.must('volume', 'create', ...options, 'mem')
      expect(JSON.parse(await engine.must('volume', 'inspect', '-f', '{{json .Options}}', 'mem'))).to.deep.equal({
        ...{ type: 'tmpfs', device: 'tmpfs', o: 'size=1m,uid=1000' },
      })
      await engine.must('run', '-d', '--name', 'aa', '-v', 'mem:/x', base, 'sleep', '600')
      expect(
        await engine.must('exec', 'aa', 'sh', '-c', "stat -c %u /x; touch /x/y; grep ' /x ' /proc/mounts"),
      ).to.match(/^1000\ntmpfs \/x tmpfs rw.*size=1024k/)
      expect(await sh('ls /z', '-v', 'mem:/z')).to.equal('y')
      await engine.must('rm', '-f', 'aa')
      expect(await sh('ls /z', '-v', 'mem:/z')).to.equal('')
    })

    it('is a directory or a disk of the host, which outlives it', async () => {
      const bound = { type: 'none', o: 'bind', device: `${place}/dir` }
      const flags = Object.entries(bound).flatMap(([key, value]) => ['-o', `${key}=${value}`])
      await engine.must('volume', 'create', ...flags, 'bound')
      expect(await sh('cat /x/file', '-v', 'bound:/x')).to.equal('of the host')
      const inline = { type: 'volume', source: 'in', target: '/x', 'volume-driver': 'local' }
      const options = Object.entries(bound).map(([key, value]) => `volume-opt=${key}=${value}`)
      expect(await sh('cat /x/file', ...mount(inline, ...options))).to.equal('of the host')
      await engine.must('volume', 'rm', 'in', 'bound')
      expect(existsSync(`${place}/dir/file`)).to.equal(true)
      await engine.must('volume', 'create', ...flags.slice(0, -1), 'device=/nosuch', 'gone')
      expect(await refused('-v', 'gone:/x')).to.match(
        /error while mounting volume '.*\/gone\/_data': failed to mount local volume: mount \/nosuch:/,
      )
    })
  })

  it('is a part of a volume', async function () {
    if (!modern) this.skip() // of API 1.45
    await sh('mkdir -p /x/deep/er; echo inner >/x/deep/er/file; ln -s /etc /x/out; ln -s deep /x/in', '-v', 'data:/x')
    const part = { type: 'volume', source: 'data', target: '/y' }
    expect(await sh('cat /y/er/file', ...mount({ ...part, 'volume-subpath': 'deep' }))).to.equal('inner')
    expect(await sh('cat /y', ...mount({ ...part, 'volume-subpath': 'deep/er/file' }))).to.equal('inner')
    expect(await sh('cat /y/er/file', ...mount({ ...part, 'volume-subpath': 'in' }))).to.equal('inner')
    expect(await refused(...mount({ ...part, 'volume-subpath': 'out' })), 'no link leads out').to.include(
      'cannot access path',
    )
    expect(await refused(...mount({ ...part, 'volume-subpath': 'nosuch' }))).to.include('cannot access path')
    expect(await refused(...mount({ ...part, 'volume-subpath': '../x' }))).to.include('subpath must be a relative path')
  })
})
