import { expect } from 'chai'
import { base, eventually, openDocker, type DockerEngine } from './harness.js'

describe('docker ps', function () {
  if (process.getuid?.() !== 0) return
  let engine: DockerEngine
  const sleep = [base, 'sleep', '300']
  before(async () => {
    engine = await openDocker()
    await engine.must('network', 'create', 'nn1')
    await engine.must(
      'run',
      '-d',
      '--name',
      'c1',
      '-l',
      'a=1',
      '-v',
      'vv:/data',
      '-p',
      '80',
      '--expose',
      '90',
      ...sleep,
    )
    await engine.must('create', '--name', 'c2', '-v', '/tmp:/host', '--network', 'nn1', base, 'true')
    await engine.docker('run', '--name', 'c3', '-l', 'a=2', base, 'sh', '-c', 'exit 3')
    await engine.must('run', '-d', '--name', 'c4', '--link', 'c1:alias', ...sleep)
    const check = ['--health-cmd', 'true', '--health-interval', '200ms']
    await engine.must('run', '-d', '--name', 'c5', '--network', 'nn1', '-p', '127.0.0.1::99/udp', ...check, ...sleep)
  })
  after(() => engine[Symbol.asyncDispose]())

  const list = async (...filters: string[]) =>
    (await engine.must('ps', '-a', '--format', '{{.Names}}', ...filters.flatMap((filter) => ['--filter', filter])))
      .split('\n')
      .map((names) => names.split(',').find((name) => !name.includes('/')))
      .sort()
      .join(' ')

  it('filters', async () => {
    const port = (await engine.must('port', 'c5', '99/udp')).split(':').at(-1) ?? ''
    const network = await engine.must('network', 'inspect', '-f', '{{.Id}}', 'nn1')
    const id = await engine.must('inspect', '-f', '{{.Id}}', 'c1')
    await eventually(async () => (await list('health=healthy')) === 'c5', 'health')
    const expected: [filters: string, names: string][] = [
      ['health=none', 'c1 c2 c3 c4'],
      ['exited=3', 'c3'],
      ['exited=0', ''],
      ['status=exited', 'c3'],
      ['status=created status=exited', 'c2 c3'],
      [`publish=${port}/udp`, 'c5'],
      ['publish=1', ''],
      [`publish=${Number(port) - 1}-${Number(port) + 1}/udp`, 'c5'],
      ['expose=80', 'c1'],
      ['expose=90', 'c1'],
      ['expose=90/udp', ''],
      ['expose=85-95', 'c1'],
      ['expose=99/udp', 'c5'],
      ['is-task=true', ''],
      ['is-task=false', 'c1 c2 c3 c4 c5'],
      ['volume=vv', 'c1'],
      ['volume=/data', 'c1'],
      ['volume=/host', 'c2'],
      ['volume=/tmp', 'c2'],
      ['network=nn1', 'c2 c5'],
      ['network=bridge', 'c1 c3 c4'],
      ['network=nosuch', ''],
      [`network=${network}`, 'c5'],
      [`network=${network.slice(0, 8)}`, 'c5'],
      [`ancestor=${base}`, 'c1 c2 c3 c4 c5'],
      ['ancestor=nosuch', ''],
      ['before=c3', 'c1 c2'],
      ['since=c3', 'c4 c5'],
      ['before=c4 since=c1', 'c2 c3'],
      ['label=a', 'c1 c3'],
      ['label=a=2', 'c3'],
      ['label=a label=b', ''],
      ['name=^/c1$', 'c1'],
      ['name=^c1$', 'c1'],
      ['name=c1 name=c2', 'c1 c2'],
      [`id=${id.slice(0, 12)}`, 'c1'],
    ]
    for (const [filters, names] of expected) expect(await list(...filters.split(' ')), filters).to.equal(names)
  })

  it('refuses filters that nothing can pass', async () => {
    const refused: [string, RegExp][] = [
      ['health=foo', /Unrecognised filter value for health: foo/],
      ['exited=foo', /foo/],
      ['status=foo', /invalid filter 'status=foo'/i],
      ['publish=foo', /error while looking up for publish foo/],
      ['expose=foo', /error while looking up for expose foo/],
      ['is-task=foo', /invalid filter 'is-task/i],
      ['before=nosuch', /no such container:? nosuch/i],
      ['label!=a', /invalid filter 'label!'/i],
      ['nosuch=1', /invalid filter 'nosuch'/i],
    ]
    for (const [filter, said] of refused) {
      const { code, stderr } = await engine.docker('ps', '--filter', filter)
      expect({ filter, code }).to.deep.equal({ filter, code: 1 })
      expect(stderr).to.match(said)
    }
  })

  it('shows what inspect tells in full', async () => {
    const ask = async (format: string, name = 'c1', ...flags: string[]) =>
      engine.must('inspect', ...flags, '-f', format, name)
    expect(await ask('{{range $k, $v := .GraphDriver.Data}}{{$k}} {{end}}')).to.equal(
      'LowerDir MergedDir UpperDir WorkDir',
    )
    expect(await ask('{{.GraphDriver.Data.LowerDir}}')).to.match(/^\//)
    expect(await ask('{{.HostConfig.PidsLimit}} {{.HostConfig.MemorySwappiness}}')).to.equal('<nil> <nil>')
    expect(await ask('{{json .HostConfig.ReadonlyPaths}}')).to.include('/proc/sys')
    expect(await ask('{{len .HostConfig.MaskedPaths | lt 5}}')).to.equal('true')
    expect(await ask('{{.SizeRw}}', 'c1', '-s')).to.equal('0')
    expect(Number(await ask('{{.SizeRootFs}}', 'c1', '-s'))).to.be.greaterThan(1e6)
    await engine.must('create', '--name', 'mm', '-m', '50m', '-v', '/anon', '--tmpfs', '/t', base, 'true')
    expect(await ask('{{.HostConfig.MemorySwap}}', 'mm')).to.equal(String(100 << 20))
    expect(await ask('{{range .Mounts}}{{.Type}} {{.Destination}} "{{.Mode}}"{{end}}', 'mm')).to.equal(
      'volume /anon ""',
    )
    await engine.must('rm', '-v', 'mm')
  })

  it('rm --link takes the link, not the container', async () => {
    expect(await engine.must('exec', 'c4', 'cat', '/etc/hosts')).to.match(/\talias /)
    const names = async () =>
      (await engine.must('ps', '--no-trunc', '--filter', 'name=c1', '--format', '{{.Names}}')).split(',').sort()
    expect(await names()).to.deep.equal(['c1', 'c4/alias'])
    await engine.must('rm', '--link', 'c4/alias')
    expect(await names()).to.deep.equal(['c1'])
    expect(await engine.must('inspect', '-f', '{{len .HostConfig.Links}} {{.State.Running}}', 'c4')).to.equal('0 true')
    expect((await engine.docker('rm', '--link', 'c4/alias')).stderr).to.include('No such container: c4/alias')
    await engine.must('restart', '-t', '0', 'c4')
    expect(await engine.must('exec', 'c4', 'cat', '/etc/hosts')).not.to.match(/alias/)
  })

  it('top takes the arguments of ps', async () => {
    expect(await engine.must('top', 'c1')).to.match(/^UID .*\n.*sleep 300$/)
    expect(await engine.must('top', 'c1', '-o', 'pid,comm')).to.match(/^PID +COMMAND\n\d+ +sleep$/)
    expect(await engine.must('top', 'c1', 'aux')).to.match(/^USER +PID +%CPU.*\n.*sleep 300$/)
    const { code, stderr } = await engine.docker('top', 'c1', '-o', 'comm')
    expect(code).to.equal(1)
    expect(stderr).to.include("Couldn't find PID field in ps output")
  })

  it('prune removes what its filters name', async () => {
    await engine.must('create', '--name', 'p1', '-l', 'keep=1', base, 'true')
    await engine.must('create', '--name', 'p2', '-l', 'go=1', base, 'true')
    const prune = (...filters: string[]) =>
      engine.docker('container', 'prune', '-f', ...filters.flatMap((filter) => ['--filter', filter]))
    await prune('until=1h')
    await prune('label=nosuch')
    expect(await list('name=^/p')).to.equal('p1 p2')
    await prune('label=go')
    expect(await list('name=^/p')).to.equal('p1')
    await engine.must('create', '--name', 'p3', base, 'true')
    await prune('label!=keep')
    expect(await list('name=^/p')).to.equal('p1')
    expect(await list()).to.equal('c1 c4 c5 p1')
    expect((await prune('nosuch=1')).stderr).to.match(/invalid filter 'nosuch'/i)
    expect((await prune('until=foo')).code).to.equal(1)
    await prune()
    expect(await list()).to.equal('c1 c4 c5')
  })

  it('files of names are as dockerd writes them', async () => {
    const hosts = await engine.must('exec', 'c1', 'cat', '/etc/hosts')
    expect(hosts.split('\n').slice(0, 6)).to.deep.equal([
      '127.0.0.1\tlocalhost',
      '::1\tlocalhost ip6-localhost ip6-loopback',
      'fe00::0\tip6-localnet',
      'ff00::0\tip6-mcastprefix',
      'ff02::1\tip6-allnodes',
      'ff02::2\tip6-allrouters',
    ])
    const dns = ['--dns', '192.0.2.1', '--dns-search', 'a.test', '--dns-option', 'ndots:3']
    expect(await engine.must('run', '--rm', ...dns, base, 'cat', '/etc/resolv.conf')).to.equal(
      'search a.test\nnameserver 192.0.2.1\noptions ndots:3',
    )
  })
})
