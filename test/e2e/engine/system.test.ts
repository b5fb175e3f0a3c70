import { availableParallelism } from 'node:os'
import { expect } from 'chai'
import { base, type DockerEngine, openDocker, oracle } from './harness.js'

describe('the system', () => {
  let engine: DockerEngine
  let since = ''
  let id = ''

  before(async () => {
    engine = await openDocker()
    since = String(Date.now() / 1000)
    await engine.must('run', '--rm', '--name', 'one', '-l', 'k=v', base, 'true')
    await engine.docker('run', '--name', 'two', base, 'sh', '-c', 'exit 3')
    await engine.must('network', 'create', 'n1')
    await engine.must('volume', 'create', 'v1')
    id = await engine.must('run', '-d', '--name', 'three', '--network', 'n1', '-v', 'v1:/v', base, 'sleep', 'infinity')
    await engine.must('exec', 'three', 'sh', '-c', 'exit 0')
    await engine.must('pause', 'three')
    await engine.must('unpause', 'three')
    await engine.must('rename', 'three', 'four')
    await engine.must('kill', '-s', 'USR1', 'four')
    await engine.must('update', '--pids-limit', '99', 'four')
    await engine.must('restart', '-t', '0', 'four')
    await engine.must('stop', '-t', '0', 'four')
    await engine.must('tag', base, 'x:1')
    await engine.must('rmi', 'x:1')
    await engine.must('rm', 'four')
    await engine.must('network', 'rm', 'n1')
    await engine.must('volume', 'rm', 'v1')
  })

  after(() => engine[Symbol.asyncDispose]())

  /** What has happened since the beginning, in the form asked for. */
  const events = async (format: string, ...filters: string[]): Promise<string[]> => {
    const until = String(Date.now() / 1000)
    const args = filters.flatMap((filter) => ['-f', filter])
    return (await engine.must('events', '--since', since, '--until', until, '--format', format, ...args)).split('\n')
  }

  it('tells what happened to a container, in order', async () => {
    expect(await events('{{.Action}} {{.Actor.Attributes.name}}', `container=${id}`)).to.deep.equal([
      'create three',
      'start three',
      'exec_create: sh -c exit 0 three',
      'exec_start: sh -c exit 0 three',
      'exec_die three',
      'pause three',
      'unpause three',
      'rename four',
      'kill four',
      'update four',
      'kill four',
      'kill four',
      'die four',
      'stop four',
      'start four',
      'restart four',
      'kill four',
      'kill four',
      'die four',
      'stop four',
      'destroy four',
    ])
    const signals = await events('{{.Actor.Attributes.signal}}', `container=${id}`, 'event=kill')
    expect(signals).to.deep.equal(['10', '15', '9', '15', '9'])
  })

  it('tells of attaching, and with which code a container ended', async () => {
    expect(await events('{{.Action}}', 'container=one')).to.deep.equal(['create', 'attach', 'start', 'die', 'destroy'])
    expect(await events('{{.Actor.Attributes.exitCode}} {{.From}}', 'event=die', 'label=k=v')).to.deep.equal([
      `0 ${base}`,
    ])
    expect(await events('{{.Actor.Attributes.exitCode}}', 'event=die', 'container=two')).to.deep.equal(['3'])
  })

  it('tells of networks, volumes and images', async () => {
    const network = await events('{{.Action}}', 'network=n1')
    expect(network).to.deep.equal(['create', 'connect', 'disconnect', 'connect', 'disconnect', 'destroy'])
    const volume = (await events('{{.Action}}', 'volume=v1')).filter((action) => action !== 'create')
    expect(volume).to.deep.equal(['mount', 'unmount', 'mount', 'unmount', 'destroy'])
    expect(await events('{{.Action}}', 'type=image')).to.include.members(['tag', 'untag'])
  })

  it('filters by image, type and event, all at once', async () => {
    const starts = await events('{{.Actor.Attributes.name}}', `image=${base}`, 'type=container', 'event=start')
    expect(starts).to.deep.equal(['one', 'two', 'three', 'four'])
    expect(await events('{{.Type}}', 'event=die', 'event=destroy', 'type=network', 'type=volume')).to.have.members([
      'network',
      'volume',
    ])
  })

  it('follows until a moment to come, and shows each as it comes', async () => {
    const [from, to] = [Date.now() / 1000, Date.now() / 1000 + 3].map(String)
    const following = engine.docker(
      'events',
      '--since',
      from ?? '',
      '--until',
      to ?? '',
      '--format',
      '{{.Action}} {{.Actor.ID}}',
    )
    await engine.must('volume', 'create', 'v2')
    await engine.must('volume', 'rm', 'v2')
    const { code, stdout } = await following
    expect(code).to.equal(0)
    expect(stdout).to.match(/create v2\n(create v2\n)?destroy v2/)
  })

  it('says what takes up the disk', async () => {
    const rows = (
      await engine.must('system', 'df', '--format', '{{.Type}} {{.TotalCount}} {{.Active}} {{.Reclaimable}}')
    ).split('\n')
    expect(rows[0]).to.equal('Images 1 1 0B (0%)')
    expect(rows[1]).to.match(/^Containers 1 0 \d/)
    const [image] = JSON.parse(await engine.must('system', 'df', '-v', '--format', '{{json .Images}}')) as {
      Containers: string
      SharedSize: string
      UniqueSize: string
      Size: string
    }[]
    expect(image).to.include({ Containers: '1', SharedSize: '0B' })
    expect(parseFloat(image?.UniqueSize ?? '')).to.be.closeTo(parseFloat(image?.Size ?? ''), 0.1)
  })

  it('says what it is', async () => {
    const info = JSON.parse(await engine.must('info', '--format', '{{json .}}')) as Record<string, unknown>
    expect(info).to.include({
      Driver: 'overlay2',
      OSType: 'linux',
      NCPU: availableParallelism(),
      Containers: 1,
      Images: 1,
    })
    expect(info).to.include({ MemoryLimit: true, PidsLimit: true, IPv4Forwarding: true, LoggingDriver: 'json-file' })
    expect(info.Runtimes).to.include.keys('runc', 'io.containerd.runc.v2')
    expect(info.Swarm).to.deep.include({ LocalNodeState: 'inactive' })
    const version = await engine.must(
      'version',
      '--format',
      '{{.Server.Os}}/{{.Server.Arch}} {{.Server.MinAPIVersion}}',
    )
    expect(version).to.match(/^linux\/\w+ 1\.\d\d$/)
    if (!oracle) expect(await engine.must('version', '--format', '{{.Server.APIVersion}}')).to.equal('1.47')
  })

  it('is pruned of all that nothing needs', async () => {
    await engine.must('network', 'create', 'unused')
    await engine.must('volume', 'create', 'kept')
    await engine.must('tag', base, 'spare:1')
    const said = await engine.must('system', 'prune', '-af')
    expect(said).to.contain('Deleted Containers:').and.to.contain('Deleted Networks:\nunused')
    expect(said).to.match(/Total reclaimed space: \d/)
    expect(await engine.must('ps', '-aq')).to.equal('')
    expect(await engine.must('images', '-q')).to.equal('')
    expect(await engine.must('volume', 'ls', '-q')).to.equal('kept')
  })
})
