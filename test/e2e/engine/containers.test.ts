import { expect } from 'chai'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must } from '../../run.js'
import { base, docker, eventually, openDocker, oracle, type DockerEngine } from './harness.js'

/** Answers every HTTP request with 200 "here"; Perl is what the base image has. */
const server =
  'use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalPort => 80, Listen => 9, ReuseAddr => 1) or die; ' +
  'while (my $c = $s->accept) { sysread $c, my $r, 4096; print $c "HTTP/1.0 200 OK\\r\\n\\r\\nhere\\n"; close $c }'

describe('containers, by the docker command', function () {
  if (process.getuid?.() !== 0) return
  let engine: DockerEngine
  before(async () => (engine = await openDocker()))
  after(() => engine[Symbol.asyncDispose]())
  afterEach(() => engine.clear())
  const state = async (name: string, field: string): Promise<string> =>
    engine.must('inspect', '-f', `{{.State.${field}}}`, name)

  /** A shell's wait for the size of its terminal, which clients until API 1.42 send after the start. */
  const untilSized = async (): Promise<string> => {
    const [, minor] = (await engine.must('version', '-f', '{{.Client.APIVersion}}')).split('.')
    return Number(minor) < 42 ? 'until test "$(stty size)" != "0 0"; do sleep .05; done; ' : ''
  }

  describe('run', () => {
    it('passes output and exit code on, each stream by itself, and removes', async () => {
      const { code, stdout, stderr } = await engine.docker(
        ...['run', '--rm', base, 'sh', '-c', 'echo out; echo err >&2; exit 3'],
      )
      expect({ code, stdout, stderr }).to.deep.equal({ code: 3, stdout: 'out\n', stderr: 'err\n' })
      expect(await engine.must('ps', '-aq')).to.equal('')
    })

    it('passes standard input on, and its end, to all at once', async () => {
      const input = 'x'.repeat(300_000) + '\n'
      const cat = () => engine.with({ input }, 'run', '--rm', '-i', base, 'cat')
      for (const { stdout } of await Promise.all(Array.from({ length: 8 }, cat))) {
        expect(stdout.length).to.equal(input.length)
        expect(stdout).to.equal(input)
      }
    })

    it('is not held up by a container that reads nothing', async () => {
      const input = Buffer.alloc(4_000_000)
      const deaf = engine.with({ input }, 'run', '--rm', '-i', '--name', 'deaf', base, 'sleep', '300')
      await eventually(async () => (await engine.must('ps', '-q', '--filter', 'name=deaf')) !== '', 'the start')
      expect(await engine.must('run', '--rm', base, 'echo', 'hi')).to.equal('hi')
      await engine.must('kill', 'deaf')
      expect(await deaf).to.include({ code: 137 })
    })

    it('loses nothing of a large output, however late it is read', async () => {
      const count = () => engine.docker('run', '--rm', base, 'seq', '1', '60000')
      for (const { stdout } of await Promise.all(Array.from({ length: 8 }, count)))
        expect(stdout.slice(-12)).to.equal('59999\n60000\n')
    })

    it('gives a terminal of the right size', async () => {
      const run = `${docker} run --rm -it ${base} sh -c 'tty; ${await untilSized()}stty size; exit 5'`
      const env = { ...process.env, DOCKER_HOST: `unix://${engine.socket}` }
      const args = ['-qec', `stty rows 33 cols 99; ${run}`, '/dev/null']
      const text = await must('script', args, { env }).catch((error: unknown) => String(error))
      expect(text).to.match(/\/dev\/pts\/0\r?\n/)
      expect(text).to.match(/33 99\r?\n/)
      expect(text).to.include('ended with 5')
    })

    it('answers 127 and 126 for what cannot be executed, 125 for a bad request', async () => {
      const missing = await engine.docker('run', '--rm', base, 'nosuch')
      expect(missing).to.include({ code: 127 })
      expect(missing.stderr).to.match(/exec: "nosuch": executable file not found in \$PATH/)
      expect(await engine.docker('run', '--rm', base, '/etc/passwd')).to.include({ code: 126 })
      expect(await engine.docker('run', '--rm', '--memory', '1m', base, 'true')).to.include({ code: 125 })
      expect(await engine.docker('run', '--rm', '-u', 'nobody2', base, 'true')).to.include({ code: 125 })
      expect(await engine.must('ps', '-aq')).to.equal('')
    })

    it('heeds user, directory, environment, hostname, labels and entrypoint', async () => {
      const out = await engine.must(
        ...['run', '--rm', '-u', 'daemon', '-w', '/made/up', '-e', 'A=b c', '-h', 'ship', '--entrypoint', 'sh', base],
        ...['-c', 'id -un; pwd; echo "$A"; hostname; cat /etc/hostname; grep -c ship /etc/hosts'],
      )
      expect(out.split('\n')).to.deep.equal(['daemon', '/made/up', 'b c', 'ship', 'ship', '1'])
    })

    it('mounts volumes, binds and tmpfs, and copies what the image has', async () => {
      const dir = await mkdtemp(join(tmpdir(), 'berth-bind-'))
      try {
        await writeFile(join(dir, 'f'), 'from the host')
        await engine.must('run', '--rm', '-v', 'keep:/etc/apt', base, 'sh', '-c', 'ls /etc/apt/ > /etc/apt/list')
        const out = await engine.must(
          ...['run', '--rm', '-v', 'keep:/k:ro', '-v', `${dir}:/h`, '--tmpfs', '/t:size=1m', base, 'sh', '-c'],
          'cat /h/f; echo; echo new > /h/g; touch /k/x || echo read-only; df -m /t | tail -1; cat /k/list',
        )
        expect(out).to.match(/^from the host\nread-only\ntmpfs +1 /)
        expect(out).to.include('sources.list.d')
        expect(await readFile(join(dir, 'g'), 'utf8')).to.equal('new\n')
      } finally {
        await rm(dir, { recursive: true })
        await engine.docker('volume', 'rm', '-f', 'keep')
      }
    })
  })

  describe('a container', () => {
    it('serves a published port, and its address', async () => {
      await engine.must('run', '-d', '--name', 'web', '-p', '127.0.0.1::80', base, 'perl', '-e', server)
      const published = await engine.must('port', 'web', '80')
      expect(published).to.match(/^127\.0\.0\.1:\d+$/)
      const ask = async (host: string) =>
        (await engine.run('curl', ['-s', '--retry', '5', '--retry-all-errors', `http://${host}/`])).stdout.trim()
      expect(await ask(published)).to.equal('here')
      const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'
      expect(await ask(await engine.must('inspect', '-f', format, 'web'))).to.equal('here')
      expect(await engine.must('ps')).to.match(/127\.0\.0\.1:\d+->80\/tcp +web$/m)
    })

    it('is confined', async () => {
      const look =
        'grep -E "^(Seccomp|NoNewPrivs|CapEff):" /proc/self/status; mount -t tmpfs x /mnt || echo no mount; ' +
        'unshare -U true || echo no unshare; (echo 1 > /proc/sys/kernel/panic) || echo no sysctl; ' +
        'echo "$(ls /proc | grep -c ^[0-9])"; cat /proc/keys | wc -l; ls /sys/firmware | wc -l'
      const { stdout } = await engine.docker('run', '--rm', base, 'sh', '-c', look)
      expect(stdout).to.match(/^CapEff:\t00000000a80425fb$/m)
      expect(stdout).to.match(/^Seccomp:\t2$/m)
      for (const no of ['no mount', 'no unshare', 'no sysctl']) expect(stdout).to.include(no)
      const [processes, keys, firmware] = stdout.trim().split('\n').slice(-3).map(Number)
      expect(processes).to.be.lessThan(6)
      expect([keys, firmware]).to.deep.equal([0, 0])
    })

    it('is killed when it wants more memory than it may have, and says so', async () => {
      const eat = 'my $x = "a" x (200 << 20); print length $x'
      const { code } = await engine.docker('run', '--name', 'fat', '-m', '32m', base, 'perl', '-e', eat)
      expect(code).to.equal(137)
      expect(await state('fat', 'OOMKilled')).to.equal('true')
    })

    it('cannot fork past its limit', async () => {
      const forks = 'my $n = 0; while (defined(my $p = fork)) { if (!$p) { sleep 9; exit } $n++ } print $n'
      expect(Number(await engine.must('run', '--rm', '--pids-limit', '20', base, 'perl', '-e', forks))).to.equal(19)
    })

    it('stops by its signal, or by force when its grace is over', async () => {
      const polite = 'trap "echo bye; exit 4" TERM; echo ready; while :; do sleep 0.1; done'
      await engine.must('run', '-d', '--name', 'polite', base, 'sh', '-c', polite)
      await engine.must('run', '-d', '--name', 'deaf', base, 'sleep', '300')
      await eventually(async () => (await engine.must('logs', 'polite')) === 'ready', 'readiness')
      await engine.must('stop', 'polite')
      expect(await state('polite', 'ExitCode')).to.equal('4')
      expect(await engine.must('logs', 'polite')).to.equal('ready\nbye')
      const before = Date.now()
      await engine.must('stop', '-t', '1', 'deaf')
      expect(Date.now() - before).to.be.within(1000, 5000)
      expect(await state('deaf', 'ExitCode')).to.equal('137')
      expect(await engine.docker('stop', 'deaf')).to.include({ code: 0 })
      expect((await engine.docker('kill', 'deaf')).stderr).to.include('is not running')
    })

    it('is waited for, restarted, renamed, paused and removed', async () => {
      await engine.must('run', '-d', '--name', 'cc', base, 'sh', '-c', 'sleep 0.3; exit 9')
      expect(await engine.must('wait', 'cc')).to.equal('9')
      expect(await engine.must('wait', 'cc')).to.equal('9')
      await engine.must('rename', 'cc', 'dd')
      expect((await engine.docker('inspect', 'cc')).stderr).to.match(/No such object: cc/i)
      await engine.must('rm', 'dd')
      await engine.must('run', '-d', '--name', 'ee', base, 'sleep', '300')
      const pid = await state('ee', 'Pid')
      await engine.must('restart', '-t', '0', 'ee')
      expect(await state('ee', 'Pid')).not.to.equal(pid)
      await engine.must('pause', 'ee')
      expect(await engine.must('ps', '--format', '{{.Status}}')).to.match(/^Up .*\(Paused\)$/)
      expect((await engine.docker('exec', 'ee', 'true')).stderr).to.include('is paused')
      await engine.must('unpause', 'ee')
      expect(await engine.docker('rm', 'ee')).to.include({ code: 1 })
      await engine.must('rm', '-f', 'ee')
      expect((await engine.docker('run', '--name', 'BAD NAME', base)).stderr).to.include('Invalid container name')
    })

    it('has a name and a port that nobody else can have', async () => {
      await engine.must('run', '-d', '--name', 'one', '-p', '127.0.0.1::80', base, 'sleep', '300')
      const port = (await engine.must('port', 'one', '80')).split(':')[1] ?? ''
      expect((await engine.docker('create', '--name', 'one', base, 'true')).stderr).to.include('already in use')
      const second = await engine.docker('run', '-d', '-p', `127.0.0.1:${port}:80`, base, 'sleep', '300')
      expect(second.code).to.equal(125)
      expect(second.stderr).to.match(/port is already allocated/)
    })
  })

  describe('logs', () => {
    it('are tailed, dated, split by stream and followed to the end', async () => {
      const talk = 'for i in 1 2 3; do echo line $i; echo oops $i >&2; done; sleep 1; echo -n last'
      await engine.must('run', '-d', '--name', 'll', base, 'sh', '-c', talk)
      const { stdout, stderr } = await engine.docker('logs', '-f', 'll')
      // dockerd 20.10's follower ends without the last line when that has no end of its own
      if (oracle) expect(stdout).to.match(/^line 1\nline 2\nline 3\n/)
      else expect(stdout).to.equal('line 1\nline 2\nline 3\nlast')
      expect(stderr).to.equal('oops 1\noops 2\noops 3\n')
      expect((await engine.docker('logs', '-n', '1', 'll')).stdout).to.equal('last')
      expect((await engine.docker('logs', '-n', '0', 'll')).stdout).to.equal('')
      expect((await engine.docker('logs', '-t', 'll')).stdout).to.match(/^\d{4}-\d\d-\d\dT[\d:.]+Z line 1\n/)
      expect((await engine.docker('logs', '--since', '2030-01-01', 'll')).stdout).to.equal('')
      expect((await engine.docker('logs', '--until', '2020-01-01', 'll')).stdout).to.equal('')
    })

    it('are rotated', async () => {
      const options = ['--log-opt', 'max-size=20k', '--log-opt', 'max-file=2']
      const talk = 'i=0; while [ $i -lt 2000 ]; do echo "line $i"; i=$((i+1)); [ $((i%100)) = 0 ] && sleep 0.05; done'
      await engine.must('run', '-d', '--name', 'rr', ...options, base, 'sh', '-c', talk)
      await engine.must('wait', 'rr')
      const lines = (await engine.must('logs', 'rr')).split('\n')
      expect(lines.at(-1)).to.equal('line 1999')
      expect(lines.length).to.be.within(300, 1000)
      const numbers = lines.map((line) => Number(line.slice(5)))
      expect(numbers.at(-1)).to.equal((numbers[0] ?? 0) + numbers.length - 1)
    })
  })

  describe('exec', () => {
    beforeEach(() => engine.must('run', '-d', '--name', 'xx', '-e', 'A=1', base, 'sleep', '300'))

    it('passes output, input and exit code on', async () => {
      const failed = await engine.docker('exec', 'xx', 'sh', '-c', 'echo $A; echo e >&2; exit 7')
      expect(failed).to.deep.equal({ code: 7, stdout: '1\n', stderr: 'e\n' })
      expect((await engine.with({ input: 'typed' }, 'exec', '-i', 'xx', 'cat')).stdout).to.equal('typed')
      // 126 of dockerd 20.10, 127 of today's
      expect(await engine.docker('exec', 'xx', 'nosuch')).to.include({ code: oracle ? 126 : 127 })
      expect(
        await engine.must('exec', '-u', '1:1', '-w', '/tmp', '-e', 'B=2', 'xx', 'sh', '-c', 'id -u; pwd; echo $B'),
      ).to.equal('1\n/tmp\n2')
    })

    it('has a terminal of its own', async () => {
      const env = { ...process.env, DOCKER_HOST: `unix://${engine.socket}` }
      const line = `stty rows 21 cols 77; ${docker} exec -it xx sh -c 'tty; ${await untilSized()}stty size; exit 6'`
      const text = await must('script', ['-qec', line, '/dev/null'], { env }).catch((error: unknown) => String(error))
      expect(text).to.match(/\/dev\/pts\/\d+\r?\n/)
      expect(text).to.match(/21 77\r?\n/)
      expect(text).to.include('ended with 6')
    })

    it('runs in the background, and inside the limits', async () => {
      await engine.must('exec', '-d', 'xx', 'sh', '-c', 'grep Seccomp: /proc/self/status > /done')
      await eventually(async () => (await engine.docker('exec', 'xx', 'cat', '/done')).stdout !== '', 'the exec')
      expect(await engine.must('exec', 'xx', 'cat', '/done')).to.equal('Seccomp:\t2')
      expect(await engine.must('top', 'xx')).to.include('sleep 300')
    })
  })

  it('are listed by filter', async () => {
    await engine.must('run', '-d', '--name', 'alpha', '--label', 'kind=a', base, 'sleep', '300')
    await engine.docker('run', '--name', 'beta', '--label', 'kind=b', base, 'sh', '-c', 'exit 5')
    await engine.must('create', '--name', 'gamma', base, 'true')
    const names = async (...filters: string[]) =>
      (await engine.must('ps', '-a', '--format', '{{.Names}}', ...filters.flatMap((filter) => ['--filter', filter])))
        .split('\n')
        .sort()
        .join()
    expect(await names()).to.equal('alpha,beta,gamma')
    expect(await names('status=running')).to.equal('alpha')
    expect(await names('status=exited', 'status=created')).to.equal('beta,gamma')
    expect(await names('exited=5')).to.equal('beta')
    expect(await names('label=kind')).to.equal('alpha,beta')
    expect(await names('label=kind=a')).to.equal('alpha')
    expect(await names('name=amm')).to.equal('gamma')
    expect(await names(`ancestor=${base}`)).to.equal('alpha,beta,gamma')
    expect(await names('network=bridge')).to.equal('alpha,beta,gamma')
    expect((await engine.docker('ps', '--filter', 'nosuch=1')).code).to.equal(1)
  })

  it('are measured', async () => {
    await engine.must('run', '-d', '--name', 'mm', '-m', '64m', base, 'sh', '-c', 'while :; do :; done')
    const line = await engine.must('stats', '--no-stream', '--format', '{{.CPUPerc}} {{.MemUsage}} {{.PIDs}}', 'mm')
    expect(line).to.match(/^\d+\.\d+% [\d.]+[KM]iB \/ 64MiB 1$/)
    expect(parseFloat(line)).to.be.greaterThan(5)
    await engine.must('update', '--memory', '128m', '--memory-swap', '128m', 'mm')
    expect(await engine.must('stats', '--no-stream', '--format', '{{.MemUsage}}', 'mm')).to.include('/ 128MiB')
  })

  it('have their health checked', async () => {
    const check = ['--health-cmd', 'test -e /well', '--health-interval', '200ms', '--health-retries', '2']
    await engine.must('run', '-d', '--name', 'hh', ...check, base, 'sleep', '300')
    await eventually(async () => (await state('hh', 'Health.Status')) === 'unhealthy', 'ill health')
    await engine.must('exec', 'hh', 'touch', '/well')
    await eventually(async () => (await state('hh', 'Health.Status')) === 'healthy', 'health')
    expect(await engine.must('ps', '--filter', 'health=healthy', '--format', '{{.Status}}')).to.include('(healthy)')
  })

  it('tell what happens to them', async () => {
    const since = String(Date.now() / 1000)
    await engine.docker('run', '--rm', '--name', 'ev', base, 'false')
    await engine.must('run', '-d', '--name', 'ev2', base, 'sleep', '300')
    await engine.must('kill', 'ev2')
    const until = String(Date.now() / 1000 + 1)
    const format = '{{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}}'
    const args = ['events', '--since', since, '--until', until, '--filter', 'type=container', '--format', format]
    const lines = (await engine.must(...args)).replaceAll(' <no value>', '').split('\n')
    expect(lines).to.include.members(['create ev', 'start ev', 'die ev 1', 'destroy ev', 'kill ev2', 'die ev2 137'])
  })

  describe('restart policies', () => {
    it('start it again as often as they say', async () => {
      const args = ['run', '-d', '--name', 'rr', '--restart', 'on-failure:2', base, 'sh', '-c', 'echo try; exit 1']
      await engine.must(...args)
      await eventually(async () => (await state('rr', 'Status')) === 'exited', 'giving up')
      expect(await engine.must('inspect', '-f', '{{.RestartCount}} {{.State.ExitCode}}', 'rr')).to.equal('2 1')
      expect(await engine.must('logs', 'rr')).to.equal('try\ntry\ntry')
    })

    it('begin anew when somebody starts it', async () => {
      const count = async (): Promise<number> => Number(await engine.must('inspect', '-f', '{{.RestartCount}}', 'nn'))
      await engine.must('run', '-d', '--name', 'nn', '--restart', 'on-failure:5', base, 'sh', '-c', 'exit 1')
      // the next pause would be of 3.2 s
      await eventually(async () => (await state('nn', 'Status')) === 'exited', 'giving up')
      expect(await count()).to.equal(5)
      const from = performance.now()
      await engine.must('start', 'nn')
      await eventually(async () => (await count()) === 2, 'two restarts')
      expect(performance.now() - from, 'ms').to.be.below(3000)
    })

    it('let it rest once it was stopped', async () => {
      await engine.must('run', '-d', '--name', 'ss', '--restart', 'always', base, 'sh', '-c', 'sleep 0.2')
      await eventually(
        async () => Number(await engine.must('inspect', '-f', '{{.RestartCount}}', 'ss')) > 0,
        'a restart',
      )
      await engine.must('stop', '-t', '0', 'ss')
      const count = await engine.must('inspect', '-f', '{{.RestartCount}}', 'ss')
      await new Promise((resolve) => setTimeout(resolve, 700))
      expect(await engine.must('inspect', '-f', '{{.RestartCount}} {{.State.Status}}', 'ss')).to.equal(
        `${count} exited`,
      )
    })
  })

  it('stop being followed when the client leaves', async () => {
    await engine.must('run', '-d', '--name', 'ff', base, 'sh', '-c', 'while :; do echo tick; sleep 0.05; done')
    const follower = engine.start('logs', '-f', 'ff')
    await once(follower.stdout ?? follower, 'data')
    follower.kill('SIGKILL')
    await once(follower, 'exit')
    const attached = engine.start('attach', '--sig-proxy=false', 'ff')
    await once(attached.stdout ?? attached, 'data')
    attached.kill('SIGKILL')
    await once(attached, 'exit')
    expect(await state('ff', 'Running')).to.equal('true')
    await engine.must('stop', '-t', '0', 'ff')
  })
})
