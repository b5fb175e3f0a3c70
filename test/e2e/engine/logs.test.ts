import { expect } from 'chai'
import { base, eventually, openDocker, oracle, type DockerEngine } from './harness.js'

describe('docker logs', function () {
  if (process.getuid?.() !== 0) return
  let engine: DockerEngine
  before(async () => (engine = await openDocker()))
  after(() => engine[Symbol.asyncDispose]())
  afterEach(() => engine.clear())

  it('keep the carriage returns of a terminal', async () => {
    await engine.docker('run', '-t', '--name', 'tt', base, 'printf', 'one\\ntwo\\r2\\n')
    expect((await engine.docker('logs', 'tt')).stdout).to.equal('one\r\ntwo\r2\r\n')
  })

  it('keep every byte', async function () {
    if (oracle) return this.skip() // its JSON log holds text only
    await engine.docker('run', '--name', 'bb', base, 'printf', '\\xff\\xfe\\xc3\\xa9\\n')
    const asHex = `docker logs bb | od -An -tx1`
    expect((await engine.run('sh', ['-c', asHex])).stdout.trim()).to.equal('ff fe c3 a9 0a')
  })

  it('have a long line in one piece, and one that was written in pieces', async () => {
    const script = 'head -c 15000 /dev/zero | tr "\\0" a; echo; printf b; sleep 0.3; echo c; echo last'
    await engine.docker('run', '--name', 'll', '--label', 'k=v', '--log-opt', 'labels=k', base, 'sh', '-c', script)
    const lines = ['a'.repeat(15_000), 'bc', 'last', '']
    const said = async (...args: string[]) => (await engine.docker('logs', ...args, 'll')).stdout
    expect(await said()).to.equal(lines.join('\n'))
    const stamped = (await said('-t', '--details')).split('\n')
    expect(stamped.map((line) => line.replace(/^\S+Z k=v /, ''))).to.deep.equal(lines)
    for (const n of [1, 2, 3]) expect(await said('--tail', String(n))).to.equal(lines.slice(-n - 1).join('\n'))
  })

  it('have a line of many megabytes in one piece, counted as one', async function () {
    if (oracle) return this.skip() // it counts pieces of 16 kB
    const options = ['--log-opt', 'max-size=1m', '--log-opt', 'max-file=20']
    const script = 'head -c 5000000 /dev/zero | tr "\\0" a; echo; echo last'
    await engine.docker('run', '--name', 'mm', ...options, base, 'sh', '-c', script)
    const sized = async (...args: string[]) =>
      (await engine.docker('logs', ...args, 'mm')).stdout.split('\n').map((line) => line.length)
    expect(await sized()).to.deep.equal([5_000_000, 4, 0])
    expect(await sized('-t', '--tail', '2')).to.deep.equal([5_000_031, 35, 0])
    expect(await sized('--tail', '1')).to.deep.equal([4, 0])
  })

  it('tell the details that were asked for', async () => {
    const options = ['labels=kind,other', 'env=E', 'tag={{.Name}}/{{.ID}}'].flatMap((option) => ['--log-opt', option])
    await engine.docker(
      'run',
      '--name',
      'dd',
      '-l',
      'kind=a b',
      '-l',
      'no=1',
      '-e',
      'E=2',
      ...options,
      base,
      'echo',
      'hi',
    )
    const id = (await engine.must('inspect', '-f', '{{.Id}}', 'dd')).slice(0, 12)
    const details = `E=2,kind=a+b,tag=dd%2F${id}`
    expect((await engine.docker('logs', '--details', 'dd')).stdout).to.equal(`${details} hi\n`)
    expect((await engine.docker('logs', '-t', '--details', 'dd')).stdout).to.match(/^\d{4}-\S+Z E=2\S+ hi\n$/)
    expect((await engine.docker('logs', 'dd')).stdout).to.equal('hi\n')
  })

  it('are followed without a line lost or said twice', async () => {
    const talk = 'i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done; sleep 0.5; echo over'
    await engine.must('run', '-d', '--name', 'ff', base, 'sh', '-c', talk)
    const followers = await Promise.all(Array.from({ length: 6 }, () => engine.docker('logs', '-f', 'ff')))
    const all = [...Array.from({ length: 3000 }, (_, i) => String(i)), 'over', ''].join('\n')
    for (const { stdout } of followers) expect(stdout).to.equal(all)
  })

  it('have all that a program said which ends at once, as soon as its end is known', async () => {
    const times = Array.from({ length: 8 }, async () => {
      const id = await engine.must('run', '-d', base, 'sh', '-c', 'exec nosuch')
      expect(await engine.must('wait', id)).to.equal('127')
      expect((await engine.docker('logs', id)).stderr).to.equal('sh: 1: exec: nosuch: not found\n')
    })
    await Promise.all(times)
  })

  it('go nowhere with the driver none, and are read with local', async () => {
    await engine.docker('run', '--name', 'nn', '--log-driver', 'none', base, 'echo', 'hi')
    const { code, stderr } = await engine.docker('logs', 'nn')
    expect(code).to.equal(1)
    expect(stderr).to.include('configured logging driver does not support reading')
    await engine.docker('run', '--name', 'lo', '--log-driver', 'local', '--log-opt', 'max-size=1m', base, 'echo', 'hi')
    expect((await engine.docker('logs', 'lo')).stdout).to.equal('hi\n')
  })

  it('of a driver or option nobody knows are refused', async () => {
    const refused = async (...args: string[]) => {
      const { code, stderr } = await engine.docker('create', ...args, base, 'true')
      expect(code).to.equal(1)
      return stderr
    }
    expect(await refused('--log-driver', 'nosuch')).to.include('error looking up logging plugin nosuch')
    expect(await refused('--log-opt', 'foo=1')).to.include("unknown log opt 'foo' for json-file log driver")
    expect(await refused('--log-driver', 'local', '--log-opt', 'labels=a')).to.match(/unknown log.opt.*labels/)
    expect(await refused('--log-opt', 'mode=foo')).to.include('logging mode not supported: foo')
    expect(await refused('--log-opt', 'max-buffer-size=1m')).to.include("only supported with 'mode=non-blocking'")
    expect(await engine.must('ps', '-aq')).to.equal('')
  })

  it('a paused container that is to end hears so at once', async () => {
    const polite = 'trap "echo bye; exit 4" TERM; echo ready; while :; do sleep 0.1; done'
    await engine.must('run', '-d', '--name', 'pp', base, 'sh', '-c', polite)
    await eventually(async () => (await engine.must('logs', 'pp')) === 'ready', 'readiness')
    await engine.must('pause', 'pp')
    await engine.must('kill', '-s', 'TERM', 'pp')
    expect(await engine.must('wait', 'pp')).to.equal('4')
    expect(await engine.must('logs', 'pp')).to.equal('ready\nbye')
  })
})
