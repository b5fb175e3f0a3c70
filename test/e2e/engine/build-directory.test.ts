import { expect } from 'chai'
import { lstatSync, renameSync, statSync, utimesSync } from 'node:fs'
import { chmod, chown, link, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { archive } from '../../engine/images/lab.js'
import { must } from '../../run.js'
import { succeeded } from './builder-lab.js'
import { useDirectoryLab } from './directory-lab.js'
import { oracle } from './harness.js'

const base = 'FROM debian:bookworm-slim\n'
const used = (said: string): number => said.match(/Using cache/g)?.length ?? 0

describe('a build of a directory of this machine', function () {
  if (process.getuid?.() !== 0 || oracle) return
  const at = useDirectoryLab()
  const { put, build, ok, onDisk } = at

  it('makes the layers that the same directory makes when it is sent, and writes nothing to it', async () => {
    await put({
      Dockerfile: `${base}COPY . /app\nCOPY d/*.txt d/deep empty large nothing-in-it /some/\n`,
      'd/a.txt': 'a',
      'd/b.txt': 'b',
      'd/deep/er/f': Buffer.from([0, 255, 10]),
      'ünï code': 'name',
      empty: '',
      large: Buffer.alloc(300_000, 'large'),
      l: '-> d/a.txt',
      'd/out': '-> /etc/passwd',
      dangling: '-> nowhere',
    })
    await mkdir(join(at.directory, 'nothing-in-it'))
    await link(join(at.directory, 'large'), join(at.directory, 'large-again'))
    for (const [path, mode] of Object.entries({ empty: 0o4755, large: 0o600, 'd/deep': 0o1770, 'd/a.txt': 0o444 }))
      await chmod(join(at.directory, path), mode)
    await chown(join(at.directory, 'd/b.txt'), 1234, 5678)
    // docker rounds times where an archive of ours leaves fractions out
    await must('find', [at.directory, '-exec', 'touch', '-hd', '@1600000000', '{}', '+'])
    const before = await onDisk()
    await ok({ nocache: '1' })
    expect(await onDisk()).to.equal(before)
    succeeded(await at.lab.with({ cwd: at.directory }, 'build', '--no-cache', '-t', 'sent', '.'))
    const list = `cd /; find app/* some -exec stat -c '%A %u:%g %s %Y %N' {} + | sort; find app some -type f -exec sha256sum {} + | sort`
    const listing = (image: string) => at.lab.must('run', '--rm', image, 'sh', '-c', list)
    const listed = await listing('here')
    expect(listed).to.equal(await listing('sent'))
    expect(listed)
      .to.match(/^-rwsr-xr-x 0:0 0 \d+ 'app\/empty'$/m)
      .and.include("'app/d/out' -> '/etc/passwd'")
    // the directory a whole context goes into has its root's time, which is not sent
    const layer = (image: string) => at.lab.must('image', 'inspect', '-f', '{{index .RootFS.Layers 2}}', image)
    expect(await layer('here')).to.equal(await layer('sent'))
    expect(listed).to.match(/^-rw-r--r-- 0:0 1 \d+ 'some\/b.txt'$/m)
  })

  it('leaves out what .dockerignore names, of a COPY and of a RUN’s mounts, and leaves it where it is', async () => {
    await put({
      Dockerfile: `${base}COPY . /app\nRUN --mount=type=bind,target=/m find /m | sort > /mounted && ! echo > /m/f\nRUN --mount=type=bind,source=d,target=/m ls -A /m > /part\n`,
      '.dockerignore': 'secret\n**/*.log\nnode_modules\n!node_modules/kept\nDockerfile\n',
      f: 'f',
      secret: 'secret',
      'd/x.log': 'log',
      'd/y': 'y',
      'node_modules/kept': 'kept',
      'node_modules/other/x': 'x',
    })
    const before = await onDisk()
    await ok()
    const paths = ['', '/.dockerignore', '/d', '/d/y', '/f', '/node_modules', '/node_modules/kept']
    expect(await at.lab.read('here', '/mounted')).to.equal(paths.map((path) => `/m${path}\n`).join(''))
    expect(await at.lab.read('here', '/part')).to.equal('y\n')
    const copied = await at.lab.must('run', '--rm', 'here', 'find', '/app')
    expect(copied.split('\n').sort()).to.deep.equal(paths.map((path) => `/app${path}`))
    expect(await onDisk()).to.equal(before)
    await put({ Dockerfile: `${base}COPY secret /\n` })
    const { said } = await build()
    expect(said).to.include('not found in the build context, or left out by .dockerignore')
    await put({ Dockerfile: `${base}RUN --mount=type=bind,source=secret,target=/m cat /m\n` })
    expect((await build()).said).to.include('bind mount source \\"secret\\": file does not exist')
  })

  it('takes another Dockerfile and its own ignore file, from any spelling of the directory’s path', async () => {
    await put({
      'at/My.file': `${base}COPY . /app\n`,
      'at/My.file.dockerignore': 'x\n',
      '.dockerignore': 'y\n',
      x: 'x',
      y: 'y',
    })
    await symlink(at.directory, join(at.own, 'a way there'))
    for (const way of [
      at.directory,
      `${at.directory}/`,
      join(at.own, 'a way there'),
      `${at.directory}/../${at.directory.slice(at.own.length)}`,
    ]) {
      await ok({ directory: way, dockerfile: 'at/My.file', nocache: '1' })
      expect(await at.lab.read('here', '/app/x')).to.equal(undefined)
      expect(await at.lab.read('here', '/app/y')).to.equal('y')
    }
  })

  it('repeats nothing the next time, and no more than a COPY whose files changed', async () => {
    await put({ Dockerfile: `${base}RUN date +%N > /when\nCOPY f /\nCOPY g /\n`, f: 'f', g: 'one' })
    expect(used(await ok())).to.equal(0)
    const when = await at.lab.read('here', '/when')
    expect(used(await ok())).to.equal(3)
    await put({ g: 'two' })
    expect(used(await ok())).to.equal(2)
    expect(await at.lab.read('here', '/g')).to.equal('two')
    expect(await at.lab.read('here', '/when')).to.equal(when)
    await put({ unasked: 'x' })
    expect(used(await ok())).to.equal(3)
    const sent = await at.lab.with({ cwd: at.directory }, 'build', '-t', 'here', '.')
    expect(used(succeeded(sent))).to.equal(3)
  })

  it('lays what changes upon the layer before, of a large directory, and prunes one with the other', async () => {
    await put({ Dockerfile: `${base}COPY . /app/\n`, large: Buffer.alloc(2 ** 23), changes: 'one', 'goes/f': '' })
    for (let n = 0; n < 12; n++) await put({ [`more/${String(n)}`]: '' })
    const layers = async (): Promise<string[]> =>
      JSON.parse(await at.lab.must('image', 'inspect', '-f', '{{json .RootFS.Layers}}', 'here')) as string[]
    await ok()
    const first = await layers()
    await put({ changes: 'two' })
    await rm(join(at.directory, 'goes'), { recursive: true })
    await ok()
    const second = await layers()
    expect(second.slice(0, -1)).to.deep.equal(first)
    expect(await at.lab.must('run', '--rm', 'here', 'sh', '-c', 'cat /app/changes; ls /app')).to.equal(
      'twoDockerfile\nchanges\nlarge\nmore',
    )
    expect(used(await ok())).to.equal(1)
    expect(await layers()).to.deep.equal(second)
    await ok({ nocache: '1' })
    expect(await layers(), 'whole again').to.have.length(first.length)
    await put({ changes: 'three' })
    await ok()
    expect(await layers()).to.have.length(first.length + 1)
    await at.lab.must('rmi', '-f', 'here')
    await at.lab.must('builder', 'prune', '-af')
    await ok()
    expect(await at.lab.read('here', '/app/changes')).to.equal('three')
    expect(await layers()).to.have.length(first.length)
  })

  it('sees a change that has the same size and time', async () => {
    await put({ Dockerfile: `${base}COPY f g /\n`, f: 'one', g: 'one' })
    const times = (['f', 'g'] as const).map((name) => statSync(join(at.directory, name)))
    await ok()
    await put({ f: 'two', draft: 'two' })
    renameSync(join(at.directory, 'draft'), join(at.directory, 'g'))
    for (const [index, name] of ['f', 'g'].entries())
      utimesSync(join(at.directory, name), times[index]?.atime ?? 0, times[index]?.mtime ?? 0)
    expect(used(await ok())).to.equal(0)
    expect([await at.lab.read('here', '/f'), await at.lab.read('here', '/g')]).to.deep.equal(['two', 'two'])
  })

  it('makes files root’s, or whose --chown says, for a COPY and for a RUN’s mounts', async () => {
    await put({
      Dockerfile: `${base}COPY . /app\nCOPY --chown=7:8 d /theirs\nRUN --mount=type=bind,target=/m stat -c '%u:%g' /m/d /m/d/f /m/l > /mounted\n`,
      'd/f': 'f',
      l: '-> d',
    })
    await must('chown', ['-Rh', '1234:5678', at.directory])
    await ok()
    const stat = await at.lab.must(
      'run',
      '--rm',
      'here',
      'stat',
      '-c',
      '%u:%g',
      '/app/d',
      '/app/d/f',
      '/app/l',
      '/theirs/f',
    )
    expect(stat.split('\n')).to.deep.equal(['0:0', '0:0', '0:0', '7:8'])
    expect(await at.lab.read('here', '/mounted')).to.equal('0:0\n0:0\n0:0\n')
  })

  it('unpacks an archive for ADD, and no other file', async () => {
    const tar = archive([{ name: 'in/f', content: 'unpacked' }])
    await put({
      Dockerfile: `${base}ADD a.tgz b.tar not.tar /t/\nCOPY a.tgz /c/\n`,
      'a.tgz': gzipSync(tar),
      'b.tar': archive([{ name: 'g', content: 'plain' }]),
      'not.tar': 'not',
    })
    await ok()
    expect(await at.lab.read('here', '/t/in/f')).to.equal('unpacked')
    expect(await at.lab.read('here', '/t/g')).to.equal('plain')
    expect(await at.lab.read('here', '/t/not.tar')).to.equal('not')
    expect(await at.lab.read('here', '/c/a.tgz'))
      .to.be.a('string')
      .and.not.equal('a directory')
  })

  it('never leaves the directory by a link', async () => {
    const secret = await mkdtemp(join(at.own, 'secret-'))
    await writeFile(join(secret, 'f'), 'of the host')
    await put({
      Dockerfile: `${base}COPY . /app\n`,
      passwd: '-> /etc/passwd',
      up: `-> ../${secret.slice(at.own.length + 1)}`,
      far: `-> ${secret}`,
      in: '-> d',
      'd/f': 'inside',
    })
    await ok()
    expect(await at.lab.read('here', '/app/passwd')).to.equal('-> /etc/passwd')
    expect(await at.lab.read('here', '/app/up')).to.match(/^-> \.\.\/secret-/)
    const copy = async (source: string): Promise<string> => {
      await put({ Dockerfile: `${base}COPY ${source} /x\n` })
      return (await build()).said
    }
    for (const source of [
      'passwd',
      'up/f',
      'far/f',
      'up',
      '../../etc/passwd',
      `../${secret.slice(at.own.length + 1)}/f`,
    ])
      expect(await copy(source), source).to.include('file does not exist')
    expect(await copy('in/f')).to.include('Successfully')
    expect(await at.lab.read('here', '/x')).to.equal('inside')
    await put({ Dockerfile: `${base}RUN --mount=type=bind,source=far,target=/m ls /m\n` })
    expect((await build()).said).to.include('file does not exist')
    await put({ Dockerfile: `${base}RUN --mount=type=bind,target=/m cat /m/far/f /m/up/f\n` })
    expect((await build()).said)
      .to.match(/returned a non-zero code|error/)
      .and.not.include('of the host')
  })

  it('refuses what is no context, in plain words', async () => {
    const refused = async (query: Readonly<Record<string, string>>, words: string): Promise<void> => {
      const { status, said } = await build(query)
      expect(said).to.include(words)
      expect(status, said).to.equal(400)
    }
    await refused({ directory: 'relative/path' }, 'is no absolute path')
    await refused({ directory: '.' }, 'is no absolute path')
    await refused({ directory: join(at.directory, 'none') }, 'is no directory')
    await refused({ directory: `${at.directory}\0` }, 'is no directory')
    await refused({}, 'Cannot locate specified Dockerfile: Dockerfile')
    await put({ 'real.file': base, Dockerfile: '-> real.file', d: '-> /etc', 'x/Dockerfile': '' })
    await refused({ directory: join(at.directory, 'real.file') }, 'is no directory')
    await refused({}, 'the Dockerfile \\"Dockerfile\\" is a symbolic link')
    await refused({ dockerfile: 'd/passwd' }, 'Cannot locate specified Dockerfile')
    await refused({ dockerfile: '../../etc/passwd' }, 'Cannot locate specified Dockerfile')
    await refused({ dockerfile: 'x/Dockerfile' }, 'cannot be empty')
    await refused({ remote: 'https://example.invalid/x.git' }, 'directory and remote cannot both be the context')
    await writeFile(Buffer.concat([Buffer.from(`${at.directory}/caf`), Buffer.from([0xe9])]), '')
    await refused({}, 'is not UTF-8')
  })

  it('may be one of several at once, of one directory', async () => {
    await put({ Dockerfile: `${base}COPY . /app\n`, f: 'f' })
    const names = ['1', '2', '3', '4'].map((n) => `here:${n}`)
    for (const t of await Promise.all(names.map((t) => ok({ t }).then(() => t))))
      expect(await at.lab.read(t, '/app/f')).to.equal('f')
    await at.lab.docker('rmi', '-f', ...names)
  })

  it('remembers in the build cache, and builds on when that is pruned', async () => {
    const { dev, ino } = lstatSync(at.directory)
    const memory = `${String(dev)}-${String(ino)}`
    const memories = join(at.lab.dir, 'root/build/contexts')
    await put({ Dockerfile: `${base}COPY f /\n`, f: 'f' })
    await ok()
    expect(await readdir(memories)).to.include(memory)
    const listed = await at.lab.must('system', 'df', '-v')
    expect(listed).to.match(new RegExp(`^${memory.slice(0, 12)} +source\\.local `, 'm'))
    await at.lab.must('builder', 'prune', '-f')
    expect(await readdir(memories)).to.include(memory)
    await at.lab.must('builder', 'prune', '-af')
    expect(await readdir(memories)).to.deep.equal([])
    expect(await at.lab.must('system', 'df', '-v')).to.not.include('source.local')
    await ok()
    await writeFile(join(memories, memory), 'torn')
    expect(used(await ok())).to.equal(1)
    expect(await at.lab.read('here', '/f')).to.equal('f')
  })
})
