import { existsSync } from 'node:fs'
import { chown, mkdir, mkdtemp, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { expect } from 'chai'
import { pack } from 'tar-stream'
import { must } from '../run.js'
import { patience } from '../patience.js'
import type { AppDiskView, DiskView, FileView, VolumeView } from '../../src/api/contract.js'
import { pidsFile } from '../../src/serve/instance.js'
import { Pids } from '../../src/serve/pids.js'
import { eventually } from './engine/harness.js'
import { createApp, instance, type Instance, type Repository } from './instance.js'

/** A server in Perl that writes and reads below /app/data, as a user that is not root. */
const serve = `use IO::Socket::INET; $SIG{PIPE} = 'IGNORE'; $SIG{TERM} = sub { exit 0 };
my $s = IO::Socket::INET->new(LocalPort => $ENV{PORT}, Listen => 5, ReuseAddr => 1) or die;
while (my $c = $s->accept) {
  my ($p) = (<$c> // '') =~ m{^GET (\\S*)}; while (<$c>) { last if /^\\r?$/ }
  my ($do, $file) = $p =~ m{^/(\\w+)/(\\w+)};
  my $b = 'up';
  if ($do eq 'add') { my $f; $b = open($f, '>>', "/app/data/$file") && (print $f 'x') && close($f) ? 'added' : "$!" }
  if ($do eq 'fill') { my $f; open($f, '>>', "/app/data/$file"); my $n = 0; my $m = 'x' x 1048576;
    while (($n += 1) <= 100) { defined(syswrite($f, $m)) or last } $b = $n > 100 ? 'no end' : "$!" }
  if ($do eq 'size') { $b = -s "/app/data/$file" // "$!" }
  if ($do eq 'release') { $b = $ENV{BERTH_RELEASE} }
  print $c "HTTP/1.1 200 OK\\r\\nContent-Length: " . length($b) . "\\r\\nConnection: close\\r\\n\\r\\n$b"; close $c }
`
const files = {
  'serve.pl': serve,
  Dockerfile: 'FROM debian:bookworm-slim\nWORKDIR /app\nCOPY . /app\nUSER 4321:4321\n',
  Procfile: 'web: exec perl /app/serve.pl\nclock: while [ ! -e /app/data/stop ]; do sleep 1; done; exec sleep 600\n',
}

describe('volumes of an app', function () {
  this.timeout(240_000 * patience)
  let berth: Instance
  let repo: Repository
  let app = ''
  before(async () => {
    berth = await instance()
    repo = await berth.repository(files)
    app = await createApp(berth, repo, 'storage')
  })

  const pidOf = (name: string): number => new Pids(pidsFile(berth.config)).alive()[name]?.pid ?? 0
  const get = async (path: string): Promise<string> => (await berth.curl(app, path)).body
  const ask = (...args: string[]) => berth.berth([...args, '-a', app])
  async function volumes(): Promise<readonly VolumeView[]> {
    return JSON.parse((await berth.succeed('storage', '--json', '-a', app)).stdout) as VolumeView[]
  }
  const refused = async (words: RegExp, ...args: string[]): Promise<void> => {
    const { code, stderr } = await ask(...args)
    expect(code, stderr).to.not.equal(0)
    expect(stderr).to.match(words)
  }

  it('are mounted before the first push, and written by whoever the process runs as', async () => {
    await berth.succeed('storage:mount', 'data:/app/data', '-a', app)
    const pushed = await repo.push()
    expect(pushed.code, pushed.stderr).to.equal(0)
    expect(await get('/add/log')).to.equal('added')
    expect(await get('/size/log')).to.equal('1')
    const [{ name, mounts, size } = { name: '', mounts: [], size: 0 }] = await volumes()
    expect({ name, size, places: mounts.map(({ target }) => target) }).to.deep.equal({
      ...{ name: 'data', size: null, places: ['/app/data'] },
    })
  })

  it('survive a deploy, a restart, a change of config, and kills of worker and engine', async () => {
    await repo.commit({ note: 'another' })
    expect((await repo.push()).code).to.equal(0)
    expect(await get('/add/log')).to.equal('added')
    await berth.succeed('ps:restart', '-a', app)
    await berth.succeed('config:set', 'A=1', '-a', app)
    for (const one of ['worker', 'engine']) {
      const before = pidOf(one)
      process.kill(before, 'SIGKILL')
      await eventually(() => Promise.resolve(![before, 0].includes(pidOf(one))), `another ${one}`)
    }
    await berth.ready()
    expect(await get('/add/log')).to.equal('added')
    await berth.succeed('ps:restart', '-a', app)
    expect(await get('/size/log')).to.equal('3')
  })

  it('are in one-off processes, too', async () => {
    const { stdout } = await berth.succeed('run', '-a', app, '--', 'sh', '-c', 'id -u; wc -c < /app/data/log')
    expect(stdout.trim().split(/\s+/)).to.deep.equal(['4321', '3'])
  })

  it('are read-only where somebody says so, for the types that are named', async () => {
    await berth.succeed('storage:mount', 'data:/app/data', '--process', 'clock', '--read-only', '-a', app)
    expect(await get('/add/log'), 'web has none now').to.match(/No such file/)
    await berth.succeed('storage:mount', 'data:/app/data', '--process', 'web', '--read-only', '-a', app)
    expect(await get('/add/log')).to.match(/Read-only file system/)
    expect(await get('/size/log')).to.equal('3')
    await berth.succeed('storage:mount', 'data:/app/data', '-a', app)
    expect(await get('/add/log')).to.equal('added')
  })

  it('say who shares them', async () => {
    await berth.succeed('ps:scale', 'clock=1', '-a', app)
    const { stderr } = await berth.succeed('storage:mount', 'data:/app/more', '-a', app)
    expect(stderr).to.contain('web.1, clock.1 share data: what two write at once they must lock')
    await berth.succeed('storage:unmount', 'data:/app/more', '-a', app)
    await berth.succeed('ps:scale', 'clock=0', '-a', app)
  })

  it('go with the release that is gone back to, and what is in them does not', async () => {
    await berth.succeed('storage:unmount', 'data', '-a', app)
    expect(await get('/size/log')).to.match(/No such file/)
    await refused(/no volume data mounted/, 'storage:unmount', 'data')
    const { stderr } = await berth.succeed('rollback', '-a', app)
    expect(stderr).to.contain('Mounts data at /app/data again')
    expect(await get('/size/log')).to.equal('4')
  })

  it('stop the old process first where they are exclusive', async () => {
    await berth.succeed('storage:mount', 'data:/app/data', '--exclusive', '-a', app)
    expect(await get('/size/log')).to.equal('4')
    await berth.succeed('ps:restart', '-a', app)
    expect(await get('/add/log')).to.equal('added')
  })

  it('are refused where they cannot be', async () => {
    await refused(/would hide what the image has/, 'storage:mount', 'x:/app')
    await refused(/no place for a volume/, 'storage:mount', 'x:data')
    await refused(/directories of the server are not mounted/, 'storage:mount', '/etc:/app/etc')
    await refused(/has the volume data already/, 'storage:mount', 'x:/app/data')
    await refused(/no process type "nobody"/, 'storage:mount', 'x:/x', '--process', 'nobody')
    await refused(/is mounted at \/app\/data/, 'storage:destroy', 'data', '--confirm', 'data')
    await refused(/has no volume other/, 'storage:destroy', 'other', '--confirm', 'other')
    expect((await volumes()).map(({ name }) => name)).to.deep.equal(['data'])
  })

  it('are copied into and out of, and listed, whoever runs', async () => {
    const here = await mkdtemp(join(berth.dir, 'copies-'))
    await mkdir(join(here, 'photos/old'), { recursive: true })
    await writeFile(join(here, 'photos/one'), 'first')
    await writeFile(join(here, 'photos/none'), '')
    await writeFile(join(here, 'photos/old/big'), Buffer.alloc(3_000_000, 7))
    await symlink('/etc/passwd', join(here, 'photos/out'))
    const at = { cwd: here }
    const copied = await berth.berth(['storage:cp', 'photos', 'data:/', '-a', app], at)
    expect(copied.code, copied.stderr).to.equal(0)
    const listed = JSON.parse((await ask('storage:browse', 'data:/photos', '--json')).stdout) as FileView[]
    expect(listed.map(({ name, type, size, uid }) => [name, type, size, uid])).to.deep.equal([
      ['none', 'file', 0, 4321],
      ['old', 'directory', 0, 4321],
      ['one', 'file', 5, 4321],
      ['out', 'symlink', 0, 4321],
    ])
    expect((await berth.succeed('run', '-a', app, '--', 'cat', '/app/data/photos/one')).stdout).to.equal('first')
    await mkdir(join(here, 'back'))
    const back = await berth.berth(['storage:cp', 'data:/photos', 'back', '-a', app], at)
    expect(back.code, back.stderr).to.equal(0)
    await must('diff', ['-r', '--no-dereference', 'photos', 'back/photos'], at)
    const again = await berth.berth(['storage:cp', 'data:/photos', 'back', '-a', app], at)
    expect(again.code, 'nothing is written over').to.not.equal(0)
    expect(again.stderr).to.match(/is there already/)
    await refused(/there is no \/nowhere in data/, 'storage:cp', 'data:/nowhere', here)
    await refused(/there is no \/nowhere in data/, 'storage:cp', here, 'data:/nowhere')
    await refused(/no path in a volume/, 'storage:cp', 'data:/../../etc', here)
    await refused(/has no volume other/, 'storage:browse', 'other')
    await refused(/one of the two is to be in a volume/, 'storage:cp', here, here)
  })

  it('take no archive beyond themselves', async () => {
    const archive = pack()
    archive.entry({ name: 'way', type: 'symlink', linkname: '/etc' })
    archive.entry({ name: 'way/berth-was-here' }, 'x')
    archive.entry({ name: '../../../berth-was-here' }, 'x')
    archive.finalize()
    const file = join(berth.dir, 'hostile.tar')
    await writeFile(file, await buffer(archive))
    const { code } = await berth.berth(['storage:cp', '-', 'data:/', '-a', app], { input: await readFile(file) })
    expect(existsSync('/etc/berth-was-here')).to.equal(false)
    expect(code).to.not.equal(0)
    const look = 'ls /etc/berth-was-here /berth-was-here 2>/dev/null; readlink /app/data/way'
    const { stdout } = await berth.succeed('run', '-a', app, '--', 'sh', '-c', look)
    expect(stdout).to.equal('/etc\n')
  })

  it('count for their app, which is refused what it has no room for', async () => {
    const has = async (): Promise<AppDiskView> =>
      JSON.parse((await berth.succeed('disk', '--json', '-a', app)).stdout) as AppDiskView
    const { volumes: bytes, images, git, logs, total, limit } = await has()
    expect(bytes, 'a file of 3 MB is in it').to.be.within(3_000_000, 4_000_000)
    expect(limit).to.equal(null)
    for (const part of [images, git, logs]) expect(part).to.be.within(1, 50_000_000)
    await berth.succeed('disk:limit', '2M', '-a', app)
    const words = new RegExp(`${app} may have 2.0 MiB on the disk and has `)
    await repo.commit({ note: 'too much' })
    const pushed = await repo.push()
    expect(pushed.code).to.not.equal(0)
    expect(pushed.stderr).to.match(words).and.contain(`berth disk -a ${app}`)
    await refused(words, 'storage:cp', join(berth.dir, 'hostile.tar'), 'data:/')
    await refused(words, 'storage:mount', 'more:/app/more', '--size', '32M')
    expect((await berth.berth(['doctor'])).stdout).to.match(words)
    expect(await get('/size/log'), 'what runs goes on').to.equal('5')
    await berth.succeed('disk:limit', String(total + 20_000_000), '-a', app)
    await refused(/and this takes 32.0 MiB/, 'storage:mount', 'more:/app/more', '--size', '32M')
    const again = await repo.push()
    expect(again.code, again.stderr).to.equal(0)
    await berth.succeed('disk:limit', 'default', '-a', app)
    const all = JSON.parse((await berth.succeed('disk', '--json')).stdout) as DiskView
    expect(all.apps.map(({ app: name }) => name)).to.include(app)
    expect(all.images, 'that of Debian').to.be.above(30_000_000)
    expect(all.own).to.be.above(0)
  })

  it('keep a renamed app, and an app that has them is not destroyed by the way', async () => {
    const name = `${app}-2`
    await berth.succeed('apps:rename', name, '-a', app)
    app = name
    expect(await get('/size/log')).to.equal('5')
    await refused(/has the volume data, and what is in it would be lost/, 'apps:destroy', '--confirm', app)
    expect(await get('/size/log')).to.equal('5')
  })

  it('of a size are full for their app alone, and hold what they held when the engine was killed', async () => {
    await refused(/no space left on device/, 'storage:mount', 'huge:/app/huge', '--size', '900T')
    await refused(/less than 16M/, 'storage:mount', 'tiny:/app/tiny', '--size', '1M')
    await refused(/is there already, without a limit/, 'storage:mount', 'data:/app/data', '--size', '32M')
    await berth.succeed('storage:unmount', 'data', '-a', app)
    await berth.succeed('storage:mount', 'small:/app/data', '--size', '32M', '-a', app)
    expect(await get('/add/log')).to.equal('added')
    expect(await get('/fill/much')).to.equal('No space left on device')
    expect(Number(await get('/size/much'))).to.be.within(16 * 2 ** 20, 32 * 2 ** 20)
    expect((await volumes()).find(({ name }) => name === 'small')?.size).to.equal(32 * 2 ** 20)
    const before = pidOf('engine')
    process.kill(before, 'SIGKILL')
    await eventually(() => Promise.resolve(![before, 0].includes(pidOf('engine'))), 'another engine')
    await berth.ready()
    const { stdout } = await berth.succeed(
      'run',
      '-a',
      app,
      '--',
      'sh',
      '-c',
      'rm /app/data/much; echo y >> /app/data/log',
    )
    expect(stdout).to.equal('')
    expect(await get('/size/much'), 'the one that runs sees it').to.match(/No such file/)
    await berth.succeed('ps:restart', '-a', app)
    expect(await get('/size/log')).to.equal('3')
    expect(await get('/fill/other')).to.equal('No space left on device')
    await berth.succeed('storage:unmount', 'small', '-a', app)
    await berth.succeed('storage:destroy', 'small', '--confirm', 'small', '-a', app)
    await berth.succeed('storage:mount', 'data:/app/data', '-a', app)
    expect(await get('/add/log'), 'others are as they were').to.equal('added')
  })

  it('stand for a directory of the server where root lets them, and leave it as it is', async () => {
    const shared = berth.config.hostDirectories[0] ?? ''
    await mkdir(shared)
    await chown(shared, 4321, 4321)
    await writeFile(join(shared, 'mine'), 'before')
    for (const other of ['/etc', join(shared, '..'), `${shared}/`, `${shared}/below`, 'shared', ''])
      await refused(
        /is no directory of the server that may be mounted/,
        'storage:mount',
        'photos:/app/photos',
        '--host',
        other,
      )
    await refused(/has the size that its disk has/, 'storage:mount', 'photos:/app/x', '--host', shared, '--size', '32M')
    await refused(/is none of a directory of the server/, 'storage:mount', 'data:/app/y', '--host', shared)
    await berth.succeed('storage:mount', 'photos:/app/photos', '--host', shared, '-a', app)
    const look = 'cat /app/photos/mine; echo new > /app/photos/made; stat -c %u /app/photos/made'
    expect((await berth.succeed('run', '-a', app, '--', 'sh', '-c', look)).stdout).to.equal('before4321\n')
    expect(await readFile(join(shared, 'made'), 'utf8')).to.equal('new\n')
    expect((await stat(join(shared, 'made'))).uid, 'owners on the disk are those in the container').to.equal(4321)
    expect((await volumes()).find(({ name }) => name === 'photos')?.host).to.equal(shared)
    expect((await berth.succeed('backups')).stdout, 'it is no backup of ours').to.not.contain('photos')
    await berth.succeed('storage:unmount', 'photos', '-a', app)
    await refused(/the volume photos is there already/, 'storage:mount', 'photos:/app/z', '--size', '32M')
    await berth.succeed('storage:destroy', 'photos', '--confirm', 'photos', '-a', app)
    expect((await readdir(shared)).sort()).to.deep.equal(['made', 'mine'])
  })

  it('are destroyed by their name alone, once nobody has them', async () => {
    await berth.succeed('storage:unmount', 'data', '-a', app)
    await refused(/"date" is not the name/, 'storage:destroy', 'data', '--confirm', 'date')
    await berth.succeed('storage:destroy', 'data', '--confirm', 'data', '-a', app)
    expect(await volumes()).to.deep.equal([])
    await berth.succeed('storage:mount', 'data:/app/data', '-a', app)
    expect(await get('/add/log'), 'a new one of the name is its own again').to.equal('added')
    expect(await get('/size/log')).to.equal('1')
    await berth.succeed('apps:destroy', '--volumes', '--confirm', app, '-a', app)
    const left = await must('docker', ['volume', 'ls', '-q'], {
      env: { ...berth.env, DOCKER_HOST: `unix://${berth.config.engineSocket}` },
    })
    expect(left).to.equal('')
  })
})
