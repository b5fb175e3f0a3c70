import { expect } from 'chai'
import { readFileSync } from 'node:fs'
import { run } from '../../run.js'
import { base, eventually, openDocker, oracle, type DockerEngine } from './harness.js'

describe('docker exec', function () {
  if (process.getuid?.() !== 0) return
  let engine: DockerEngine
  before(async () => {
    engine = await openDocker()
    await engine.must('run', '-d', '--name', 'xx', '--tmpfs', '/scratch', base, 'sleep', '300')
  })
  after(() => engine[Symbol.asyncDispose]())
  const exec = (...args: string[]) => engine.docker('exec', ...args)

  it('says why a program cannot be started, on its output, and answers 126', async () => {
    const refused: [string[], RegExp][] = [
      [['xx', '/etc/passwd'], /exec: "\/etc\/passwd": permission denied/],
      [['xx', '/etc'], /exec: "\/etc": permission denied/],
      [['-w', '/nosuch', 'xx', 'true'], /chdir to cwd \("\/nosuch"\).* no such file or directory/],
      [['-w', '/etc/passwd', 'xx', 'true'], /chdir to cwd \("\/etc\/passwd"\).* not a directory/],
      [['-w', 'relative', 'xx', 'true'], /Cwd must be an absolute path/],
      [['-u', 'nosuch', 'xx', 'true'], /unable to find user nosuch: no matching entries in passwd file/],
      [['-u', '0:nosuch', 'xx', 'true'], /unable to find group nosuch: no matching entries in group file/],
    ]
    for (const [args, why] of refused) {
      const { code, stdout, stderr } = await exec(...args)
      expect({ args, code, stderr }).to.deep.equal({ args, code: 126, stderr: '' })
      expect(stdout).to.match(why)
    }
  })

  it('answers 127 for a program that is not there', async () => {
    for (const program of ['nosuch', '']) {
      const { code, stdout } = await exec('xx', program)
      // 126 of dockerd 20.10, 127 of today's
      expect(code).to.equal(oracle ? 126 : 127)
      expect(stdout).to.include(`exec: "${program}": executable file not found in $PATH`)
    }
  })

  it('says so in the background too', async () => {
    const { code, stderr } = await exec('-d', 'xx', 'nosuch')
    expect(code).to.equal(1)
    expect(stderr).to.include('exec: "nosuch": executable file not found in $PATH')
    expect(await exec('-d', 'xx', 'true')).to.include({ code: 0 })
  })

  it('takes an exit code of 255 with a complaint for what it is', async () => {
    const own = await exec('xx', 'sh', '-c', 'echo mine >&2; exit 255')
    expect(own).to.deep.equal({ code: 255, stdout: '', stderr: 'mine\n' })
  })

  it('has pipes of its own, which whoever it runs as may open again, and no input unless asked', async () => {
    const script = 'readlink /proc/self/fd/1 | cut -c1-5; echo out >/dev/stdout; echo err >/dev/stderr; cat; exit 3'
    for (const user of ['0', '1000:1000'])
      expect(await exec('-u', user, 'xx', 'sh', '-c', script)).to.deep.equal({
        code: 3,
        stdout: 'pipe:\nout\n',
        stderr: 'err\n',
      })
  })

  it('is told as 128 and its signal when it is killed', async () => {
    expect(await exec('xx', 'sh', '-c', 'kill -9 $$')).to.include({ code: 137 })
  })

  describe('that was created over the API', () => {
    const ask = async (path: string, body: object) => {
      const headers = ['-H', 'Content-Type: application/json', '-d', JSON.stringify(body)]
      const url = `http://docker/v1.41${path}`
      return (await engine.run('curl', ['-s', '--unix-socket', engine.socket, ...headers, url])).stdout
    }
    const create = async (container: string) => {
      const said = await ask(`/containers/${container}/exec`, { Cmd: ['echo', 'done'], AttachStdout: true, Tty: true })
      return (JSON.parse(said) as { Id: string }).Id
    }
    const start = (id: string) => ask(`/exec/${id}/start`, { Detach: false, Tty: true })
    /** Lines of top: its head, and the processes in the container. */
    const waiting = async () => (await engine.must('top', 'door')).split('\n').length

    /** A runtime that waits for the start goes after a second. */
    const noneWaits = () =>
      eventually(
        async () => (await run('pgrep', ['-f', `exec .*${engine.dir}/run/c/`])).code === 1,
        'the runtimes to go',
      )

    it('runs once, also long after', async () => {
      await engine.must('run', '-d', '--name', 'door', base, 'sleep', '300')
      const [soon, late] = [await create('door'), await create('door')]
      expect(await start(soon)).to.equal('done\r\n')
      await noneWaits()
      expect(await start(late)).to.equal('done\r\n')
      expect(await start(late)).to.match(/has already run|already running/)
      expect(await waiting()).to.equal(2)
    })

    it('loses nothing of what it writes to a terminal, however soon it ends', async () => {
      for (let n = 0; n < 60; n++) expect(await start(await create('door')), String(n)).to.equal('done\r\n')
    })

    it('runs in the container as it is when it is started', async () => {
      const id = await create('door')
      await engine.must('restart', '-t', '0', 'door')
      expect(await start(id)).to.match(/^done\r\n$|not found|No such exec/) // dockerd forgets it with the run
      const other = await create('door')
      await engine.must('stop', '-t', '0', 'door')
      expect(await start(other)).to.match(/is not running|No such exec/)
    })

    it('leaves nothing when it is never started', async () => {
      await engine.must('start', 'door')
      for (let n = 0; n < 20; n++) await create('door')
      await noneWaits()
      expect(await waiting()).to.equal(2)
    })
  })

  it('is in the groups of the container, and alone is counted there', async () => {
    const groups = (pid: string) => readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    await engine.must('run', '-d', '--name', 'groups', '--pids-limit', '9', base, 'sleep', '300')
    await engine.must('exec', '-d', 'groups', 'sleep', '300')
    const rows = (await engine.must('top', 'groups', '-eo', 'pid,args')).split('\n').slice(1)
    expect(rows.map((row) => row.trim().replace(/^\d+ +/, ''))).to.deep.equal(['sleep 300', 'sleep 300'])
    const [first, second] = rows.map((row) => groups(row.trim().split(' ')[0] ?? ''))
    expect(second).to.equal(first)
    expect(await engine.must('stats', '--no-stream', '--format', '{{.PIDs}}', 'groups')).to.equal('2')
    await engine.must('rm', '-f', 'groups')
  })

  it('comes into a container that has used up its processes', async function () {
    if (oracle) this.skip() // runc forks in the group
    const fill = 'while sleep 300 & do :; done 2>/dev/null; wait'
    await engine.must('run', '-d', '--name', 'full', '--pids-limit', '9', base, 'bash', '-c', fill)
    const count = async () => (await engine.must('top', 'full')).split('\n').length - 1
    await eventually(async () => (await count()) === 9, 'nine processes')
    for (let n = 0; n < 3; n++) expect(await exec('full', 'cat', '/proc/1/comm')).to.include({ stdout: 'bash\n' })
    await engine.must('rm', '-f', 'full')
  })

  it('sees what the container mounted', async () => {
    await engine.must('exec', '-w', '/scratch', 'xx', 'touch', 'made')
    expect(await engine.must('exec', 'xx', 'ls', '/scratch')).to.equal('made')
    expect(await engine.must('exec', 'xx', 'stat', '-fc', '%T', '/scratch')).to.equal('tmpfs')
  })

  it('refuses detach keys that cannot be typed', async () => {
    for (const keys of ['foo', 'ctrl-', 'ctrl-a,']) {
      const { code, stderr } = await exec('--detach-keys', keys, 'xx', 'true')
      expect({ keys, code }).to.deep.equal({ keys, code: 1 })
      expect(stderr).to.include(`Invalid escape keys (${keys}) provided`)
    }
    expect(await exec('--detach-keys', 'ctrl-a,b', 'xx', 'true')).to.include({ code: 0 })
    expect((await engine.docker('attach', '--detach-keys', 'foo', 'xx')).stderr).to.match(/400|Invalid escape keys/)
  })
})
