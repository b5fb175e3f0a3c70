import { expect } from 'chai'
import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync, statSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must } from '../../run.js'
import { base, openEngine, type TestEngine } from '../engine/harness.js'
import { firstOf, openUsersLab, wantsAnnotations, type UsersLab } from './users-lab.js'

const idCount = 65_536

describe('root in a container', function () {
  if (process.getuid?.() !== 0) return
  let engine: TestEngine
  let place: string
  let tries: UsersLab['tries']
  let keep: UsersLab['keep']
  let pidOf: UsersLab['pidOf']
  before(async () => {
    place = await mkdtemp(join(tmpdir(), 'berth-fences-'))
    ;({ engine, tries, keep, pidOf } = await openUsersLab())
  })
  after(async () => {
    await engine[Symbol.asyncDispose]()
    await rm(place, { recursive: true, force: true })
  })
  afterEach(() => engine.clear())

  const annotated = (name: string) => ['--annotation', `berth.userns=${name}`]

  describe('on the host', () => {
    it('is a high uid and gid that the host gives to nobody else', async () => {
      const pid = await keep('aa')
      const status = readFileSync(`/proc/${pid}/status`, 'utf8')
      const uids = /^Uid:\s+(.*)$/m.exec(status)?.[1]?.split('\t').map(Number) ?? []
      expect(new Set(uids).size).to.equal(1)
      expect(uids[0])
        .to.equal(firstOf(pid))
        .and.to.be.within(0x70000000, 0x80000000 - idCount)
      expect(/^Gid:\s+(\d+)/m.exec(status)?.[1]).to.equal(String(uids[0]))
      expect(await engine.must('exec', 'aa', 'cat', '/proc/self/uid_map')).to.match(/^\s*0\s+\d+\s+65536$/)
      expect(await engine.must('exec', 'aa', 'id')).to.equal('uid=0(root) gid=0(root) groups=0(root)')
    })

    it('is the host’s root only when that is asked for by name, and inspect says so', async () => {
      const own = readlinkSync('/proc/self/ns/user')
      for (const flag of ['--userns=host', '--privileged'])
        expect(await tries('readlink /proc/self/ns/user', flag), flag).to.equal(own)
      for (const flags of [
        ['--network', 'host'],
        ['--pid', 'host'],
        ['--ipc', 'host'],
        ['--uts', 'host'],
        ['--cap-add', 'ALL'],
      ])
        expect(await tries('readlink /proc/self/ns/user', ...flags), flags.join(' ')).not.to.equal(own)
      await engine.must('create', '--name', 'asked', '--userns=host', base, 'true')
      await engine.must('create', '--name', 'plain', base, 'true')
      const mode = '{{.HostConfig.UsernsMode}}'
      expect(await engine.must('inspect', '-f', mode, 'asked')).to.equal('host')
      expect(await engine.must('inspect', '-f', mode, 'plain')).to.equal('')
      expect(await engine.must('info', '-f', '{{json .SecurityOptions}}'))
        .to.include('name=userns')
        .and.to.include('name=seccomp')
    })

    it('is another for each name that asks, the same after the engine was killed', async function () {
      await wantsAnnotations(this)
      const [plain, one, two, again] = [
        await keep('plain'),
        await keep('one', ...annotated('shop')),
        await keep('two', ...annotated('blog')),
        await keep('again', ...annotated('shop')),
      ].map(firstOf)
      expect(new Set([plain, one, two]).size).to.equal(3)
      expect(again).to.equal(one)
      await engine.stop('SIGKILL')
      await engine.boot()
      await engine.must('restart', '-t', '0', 'two')
      expect(firstOf(await pidOf('two'))).to.equal(two)
      expect(firstOf(await keep('late', ...annotated('shop')))).to.equal(one)
      expect(await engine.must('exec', 'again', 'id', '-u')).to.equal('0')
      expect(await tries('true', '--annotation', 'berth.userns=../x')).to.include('invalid annotation berth.userns')
    })

    it('is shown as root by top, and a user as that user', async () => {
      await keep('aa')
      await keep('bb', '--user', '1')
      const rows = async (name: string, ...args: string[]) => (await engine.must('top', name, ...args)).split('\n')
      expect((await rows('aa'))[1]).to.match(/^root\s/)
      expect((await rows('bb'))[1]).to.match(/^daemon\s/)
      expect((await rows('bb', '-eo', 'pid,uid,user'))[1]).to.match(/^\d+\s+1\s+daemon$/)
    })
  })

  describe('its files', () => {
    it('lie on disk as an image has them: nothing is copied and no owner changed', async () => {
      await keep('aa')
      await engine.must(
        'exec',
        'aa',
        'sh',
        '-c',
        'touch /new; touch /usr/mine; chown 1000:1001 /usr/mine; rm /etc/motd',
      )
      const layer = await engine.must('inspect', '-f', '{{.GraphDriver.Data.UpperDir}}', 'aa')
      const owner = (path: string) => [statSync(layer + path).uid, statSync(layer + path).gid]
      expect(owner('/new')).to.deep.equal([0, 0])
      expect(owner('/usr/mine')).to.deep.equal([1000, 1001])
      expect(await engine.must('exec', 'aa', 'sh', '-c', 'stat -c "%u %g" /new /usr/mine /etc/passwd /')).to.equal(
        '0 0\n1000 1001\n0 0\n0 0',
      )
      expect((await engine.must('diff', 'aa')).split('\n')).to.have.members([
        'A /new',
        'C /usr',
        'A /usr/mine',
        'C /etc',
        'D /etc/motd',
      ])
      await engine.must('commit', 'aa', 'made')
      expect(await engine.must('run', '--rm', '--userns=host', 'made', 'stat', '-c', '%u %g', '/usr/mine')).to.equal(
        '1000 1001',
      )
      await engine.must('rm', '-f', 'aa')
      await engine.must('rmi', 'made')
    })

    it('keep their owners on the way in and out, whether it runs or not', async () => {
      await writeFile(`${place}/in`, 'x')
      execFileSync('chown', ['1234:1235', `${place}/in`])
      await keep('aa', '--tmpfs', '/mem')
      for (const to of ['/moving', '/mem/moving']) await engine.must('cp', '-a', `${place}/in`, `aa:${to}`)
      expect(await engine.must('exec', 'aa', 'stat', '-c', '%u:%g', '/moving', '/mem/moving')).to.equal(
        '1234:1235\n1234:1235',
      )
      const listed = await engine.run('sh', ['-c', 'docker cp aa:/moving - | tar -tv --numeric-owner'])
      expect(listed.stdout).to.match(/ 1234\/1235 .* moving$/m)
      await engine.must('stop', '-t', '0', 'aa')
      await engine.must('cp', '-a', `${place}/in`, 'aa:/still')
      await engine.must('start', 'aa')
      expect(await engine.must('exec', 'aa', 'stat', '-c', '%u:%g', '/still')).to.equal('1234:1235')
    })

    it('are shared by containers whose ids differ: volumes, and directories of the host that were named', async function () {
      await wantsAnnotations(this)
      await engine.must(
        'run',
        '--rm',
        ...annotated('shop'),
        '-v',
        'data:/x',
        base,
        'sh',
        '-c',
        'umask 077; echo of-one > /x/f',
      )
      expect(await tries('cat /x/f; stat -c %u /x/f', ...annotated('blog'), '-v', 'data:/x')).to.equal('of-one\n0')
      await engine.must('run', '--rm', '-v', `${place}:/x`, base, 'sh', '-c', 'echo of-it > /x/bound')
      expect(statSync(`${place}/bound`)).to.include({ uid: 0, gid: 0 })
    })

    it('with setuid work in it, and no user of the host comes near them', async () => {
      await keep('aa', '-v', 'data:/x')
      await engine.must('exec', 'aa', 'sh', '-c', 'cp /usr/bin/id /x/id; chmod 4755 /x/id')
      expect(await engine.must('exec', '-u', '1000', 'aa', '/x/id', '-u')).to.equal('0')
      const volume = await engine.must('volume', 'inspect', '-f', '{{.Mountpoint}}', 'data')
      await chmod(engine.dir, 0o755)
      const nobody = { uid: 65534, gid: 65534, stdio: 'pipe' as const }
      expect(() => execFileSync(`${volume}/id`, ['-u'], nobody)).to.throw(/EACCES/)
    })

    it('of a build are its own too: RUN has root of a user namespace, and layers have the image’s ids', async () => {
      const lines = [`FROM ${base}`, 'RUN cat /proc/self/uid_map > /map; touch /f; chown 7:8 /f', '']
      await writeFile(`${place}/Dockerfile`, lines.join('\n'))
      await engine.with(
        {
          env: {
            ...process.env,
            DOCKER_HOST: `unix://${engine.socket}`,
            DOCKER_BUILDKIT: '0',
            DOCKER_CONFIG: engine.dir,
          },
        },
        'build',
        '-t',
        'built',
        '-f',
        `${place}/Dockerfile`,
        place,
      )
      const said = await engine.must(
        'run',
        '--rm',
        '--userns=host',
        'built',
        'sh',
        '-c',
        'cat /map; stat -c %u:%g /f /map',
      )
      expect(said).to.match(/^0\s+[1-9]\d+\s+65536\n7:8\n0:0$/)
      await engine.must('rmi', 'built')
    })
  })

  describe('that shares namespaces', () => {
    it('of another container shares its users, and can do there what the other can', async function () {
      await wantsAnnotations(this)
      const donor = await keep('donor', '--ipc', 'shareable', ...annotated('shop'))
      for (const kind of ['network', 'pid', 'ipc']) {
        const said = await tries(
          'readlink /proc/self/ns/user; id -u; touch /f && stat -c %u /f',
          `--${kind}`,
          'container:donor',
        )
        expect(said, kind).to.equal(`${readlinkSync(`/proc/${donor}/ns/user`)}\n0\n0`)
      }
      const bind = `perl -e 'socket(S, 2, 1, 0); print bind(S, pack("Sna4x8", 2, 80, "\\0\\0\\0\\0")) ? "bound" : $!'`
      expect(await tries(bind, '--network', 'container:donor')).to.equal('bound')
    })

    it('of two that have different users is told why it cannot', async () => {
      await keep('aa')
      await keep('bb')
      expect(await tries('true', '--network', 'container:aa', '--pid', 'container:bb')).to.include(
        'each has a user namespace of its own',
      )
    })
  })

  it('has a terminal of its own in an exec, devices that were given to it, and no user beyond its range', async () => {
    await keep('aa', '--device', '/dev/loop-control:/dev/mine')
    const words = "docker exec -t aa sh -c 'test -t 0 && echo words > /dev/tty'"
    const env = { ...process.env, DOCKER_HOST: `unix://${engine.socket}` }
    expect(await must('script', ['-qec', words, '/dev/null'], { env })).to.equal('words')
    expect(await engine.must('exec', 'aa', 'stat', '-c', '%u', '/dev/mine')).to.equal('0')
    expect(await tries('true', '--user', '70000')).to.include('beyond the 65536 ids of the container')
  })

  it('is refused the host’s users where the configuration says so, and told which setting', async () => {
    await engine.must('create', '--name', 'before', '--userns=host', base, 'true')
    await using strict = await openEngine({ flags: ['--deny-host-userns'] })
    for (const flag of ['--userns=host', '--privileged']) {
      const { code, stderr } = await strict.docker('run', '--rm', flag, base, 'true')
      expect(code).to.equal(125)
      expect(stderr).to.include(
        `${flag} is not allowed: this engine runs with --deny-host-userns (BERTH_DENY_HOST_USERNS)`,
      )
    }
    await strict.must('run', '-d', '--name', 'aa', base, 'sleep', '600')
    expect((await strict.docker('exec', '--privileged', 'aa', 'true')).stderr).to.include('--privileged is not allowed')
    expect(await strict.must('run', '--rm', '--network', 'host', base, 'id', '-u')).to.equal('0')
    await using mild = await openEngine({ env: { BERTH_DENY_PRIVILEGED: '1' } })
    expect((await mild.docker('run', '--rm', '--privileged', base, 'true')).stderr).to.include('BERTH_DENY_PRIVILEGED')
    expect(await mild.must('run', '--rm', '--userns=host', base, 'id', '-u')).to.equal('0')
    expect(await readFile(join(mild.dir, 'root', 'userns.json'), 'utf8')).to.match(/"containers":\d+/)
  })
})
