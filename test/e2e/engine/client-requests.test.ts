import { expect } from 'chai'
import { mkdir, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { archive } from '../../engine/images/lab.js'
import { base, openDocker, oracle, type DockerEngine } from './harness.js'

/** What docker-py's and moby's suites ask beyond what the command does, and how they are answered when they ask badly. */
describe('a request of a client', function () {
  if (process.getuid?.() !== 0) return
  let engine: DockerEngine
  before(async () => (engine = await openDocker()))
  afterEach(() => engine.clear())
  after(() => engine[Symbol.asyncDispose]())

  const send = (method: string, path: string, body: string | Buffer = '', version = '1.41') =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }
      const options = { socketPath: engine.socket, method, path: `/v${version}${path}`, headers, agent: false }
      request(options, (answer) => {
        text(answer).then((body) => resolve({ status: answer.statusCode ?? 0, body }), reject)
      })
        .on('error', reject)
        .end(body)
    })
  const json = async <T>(method: string, path: string, body?: object) => {
    const answer = await send(method, path, body && JSON.stringify(body))
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${String(answer.status)} ${answer.body}`)
    return (answer.body === '' ? {} : JSON.parse(answer.body)) as T
  }
  interface Place {
    IPAMConfig: Record<string, unknown> | null
    MacAddress: string
    DriverOpts: object | null
    GlobalIPv6Address: string
  }
  const place = async (name: string, network: string) =>
    (await json<{ NetworkSettings: { Networks: Record<string, Place> } }>('GET', `/containers/${name}/json`))
      .NetworkSettings.Networks[network]

  it('is told what is wrong with its JSON before what it names is looked for', async () => {
    const paths = ['/containers/absent/exec', '/exec/absent/start', '/networks/absent/connect', '/volumes/create']
    for (const path of [...paths, '/networks/absent/disconnect', '/networks/create']) {
      const spoilt = await send('POST', path, '{invalid json')
      expect(spoilt, path).to.include({ status: 400 })
      expect(spoilt.body).to.contain("invalid character 'i' looking for beginning of object key string")
      const empty = await send('POST', path)
      expect(empty, path).to.include({ status: 400 })
      expect(empty.body).to.contain('got EOF while reading request body')
    }
  })

  it('may call a network almost anything', async () => {
    for (const name of ['a b', 'a/b', '-a', 'ü:1']) {
      const { Id } = await json<{ Id: string }>('POST', '/networks/create', { Name: name })
      expect(await json('GET', `/networks/${encodeURIComponent(name)}`)).to.include({ Id, Name: name })
      await engine.must('run', '--rm', '--network', Id, base, 'true')
      expect((await send('DELETE', `/networks/${encodeURIComponent(name)}`)).status).to.equal(204)
    }
    for (const Name of ['', ' '])
      expect((await send('POST', '/networks/create', JSON.stringify({ Name }))).status).to.be.within(400, 500)
  })

  it('sees what it asked for of a network before and after the start', async () => {
    await json('POST', '/networks/create', { Name: 'asked' })
    const wish = {
      IPAMConfig: { LinkLocalIPs: ['169.254.8.8'] },
      DriverOpts: { 'a.setting': 'on' },
      // which dockerd heeds from 25 on
      ...(oracle ? {} : { MacAddress: '02:42:ac:11:00:02' }),
    }
    const NetworkingConfig = { EndpointsConfig: { asked: wish } }
    const HostConfig = { NetworkMode: 'asked' }
    await json('POST', '/containers/create?name=asking', {
      Image: base,
      Cmd: ['sleep', '60'],
      HostConfig,
      NetworkingConfig,
    })
    expect(await place('asking', 'asked')).to.deep.include(wish)
    await json('POST', '/containers/asking/start')
    expect(await place('asking', 'asked')).to.deep.include(wish)
    const seen = await engine.must('exec', 'asking', 'cat', '/proc/net/fib_trie', '/sys/class/net/eth0/address')
    expect(seen).to.contain('169.254.8.8')
    if (!oracle) expect(seen).to.contain('02:42:ac:11:00:02')
    await engine.clear()
    await engine.must('network', 'rm', 'asked')
  })

  it('may ask for an IPv6 address of a network that names a subnet and has no IPv6', async () => {
    const Config = [{ Subnet: '2001:389::/64', IPRange: '2001:389::/96', Gateway: '2001:389::ffff' }]
    await json('POST', '/networks/create', { Name: 'six', IPAM: { Driver: 'default', Config } })
    const network = await json<{ EnableIPv6: boolean; IPAM: { Config: { Subnet: string }[] } }>('GET', '/networks/six')
    expect(network.EnableIPv6).to.equal(false)
    expect(network.IPAM.Config).to.have.length(2)
    expect(network.IPAM.Config[1]).to.include({ Subnet: '2001:389::/64' })
    await engine.must(
      'run',
      '-d',
      '--name',
      'sixth',
      '--network',
      'six',
      '--ip6',
      '2001:389::f00d',
      base,
      'sleep',
      '60',
    )
    expect(await place('sixth', 'six')).to.deep.include({
      IPAMConfig: { IPv6Address: '2001:389::f00d' },
      GlobalIPv6Address: '',
    })
    await engine.clear()
    await engine.must('network', 'rm', 'six')
  })

  it('of an older version is answered in the words of its day', async () => {
    await engine.must('run', '-d', '--name', 'kept', base, 'sleep', '60')
    const refused = await send('DELETE', '/containers/kept')
    expect(refused).to.include({ status: 409 })
    expect(refused.body).to.contain('You cannot remove a running container')
    const { Id } = await json<{ Id: string }>('POST', '/containers/kept/exec', { Cmd: ['no-such-program'] })
    await send('POST', `/exec/${Id}/start`, '{}')
    expect(await json('GET', `/exec/${Id}/json`)).to.include({ ExitCode: 126 })
    if (oracle) return
    expect((await send('DELETE', '/containers/kept', '', '1.47')).body).to.contain('stop the container before removing')
    expect(JSON.parse((await send('GET', `/exec/${Id}/json`, '', '1.47')).body)).to.include({ ExitCode: 127 })
  })

  it('of before 1.20 sees limits among what runs, and may kill what does not', async () => {
    await engine.must('create', '--name', 'kept', '--cpuset-cpus', '0', base, 'true')
    const config = async (version: string) => {
      const { body } = await send('GET', '/containers/kept/json', '', version)
      return (JSON.parse(body) as { Config: Record<string, unknown> }).Config
    }
    expect(await config('1.19')).to.include({ Cpuset: '0' })
    expect(await config('1.41')).to.not.have.property('Cpuset')
    expect((await send('POST', '/containers/kept/kill', '', '1.19')).status).to.equal(204)
    expect((await send('POST', '/containers/kept/kill', '', '1.41')).status).to.equal(409)
    expect((await send('POST', '/containers/none/kill', '', '1.19')).status).to.equal(404)
  })

  it('has all that a short program says and writes, right after its start', async () => {
    if (oracle) return // which may be early, too
    const Cmd = ['sh', '-c', 'sleep 0.03; echo > /new; echo said']
    let seen = ''
    // on a busy machine it may take longer, but never each time
    for (let tries = 0; tries < 5 && !seen.includes('said'); tries++) {
      const { Id } = await json<{ Id: string }>('POST', '/containers/create', { Image: base, Cmd })
      await json('POST', `/containers/${Id}/start`)
      const [log, attached, changes] = await Promise.all([
        send('GET', `/containers/${Id}/logs?stdout=1`),
        send('POST', `/containers/${Id}/attach?stdout=1&logs=1`),
        send('GET', `/containers/${Id}/changes`),
      ])
      if (changes.body.includes('/new') && attached.body.includes('said')) seen = log.body
    }
    expect(seen).to.include('said')
  })

  it('to signal what has just begun waits for its handler', async () => {
    if (oracle) return // whose answer to the start comes late enough
    const script = 'sleep 0.03; trap "exit 3" TERM; for i in 1 2 3 4; do sleep 0.5 & wait; done; exit 4'
    const codes: number[] = []
    // on a busy machine it may be late, but never each time
    for (let tries = 0; tries < 5 && !codes.includes(3); tries++) {
      const Cmd = ['sh', '-c', script]
      const { Id } = await json<{ Id: string }>('POST', '/containers/create', { Image: base, Cmd })
      await json('POST', `/containers/${Id}/start`)
      await json('POST', `/containers/${Id}/kill?signal=TERM`)
      codes.push((await json<{ StatusCode: number }>('POST', `/containers/${Id}/wait`)).StatusCode)
    }
    expect(codes).to.include(3)
  })

  it('of an older version is shown in red what a build says on its standard error', async () => {
    const dockerfile = `FROM ${base}\nRUN echo out; echo err >&2\n`
    await mkdir(join(engine.dir, 'context'), { recursive: true })
    await writeFile(join(engine.dir, 'context', 'Dockerfile'), dockerfile)
    const build = (version: string) =>
      engine.run('sh', [
        '-c',
        `tar -C ${engine.dir}/context -c . | curl -s --unix-socket ${engine.socket} -H Content-Type:application/x-tar ` +
          `--data-binary @- 'http://docker/v${version}/build?nocache=1'`,
      ])
    expect((await build('1.41')).stdout).to.contain(JSON.stringify('\u001b[91merr\n\u001b[0m'))
    if (!oracle)
      expect((await build('1.47')).stdout)
        .to.contain('err')
        .and.not.contain('[91m')
  })

  it('of an older version makes containers that share their IPC', async () => {
    const modes = async (version: string, host: object = { HostConfig: {} }) => {
      const body = JSON.stringify({ Image: base, Cmd: ['true'], ...host })
      const { Id } = JSON.parse((await send('POST', '/containers/create', body, version)).body) as { Id: string }
      return json<{ HostConfig: { IpcMode: string } }>('GET', `/containers/${Id}/json`)
    }
    expect((await modes('1.39')).HostConfig.IpcMode).to.equal('shareable')
    expect((await modes('1.39', {})).HostConfig.IpcMode).to.equal('private')
    expect((await modes('1.41')).HostConfig.IpcMode).to.equal('private')
  })

  it('may name the runtime beside the rest of what concerns the host', async () => {
    const { Id } = await json<{ Id: string }>('POST', '/containers/create', { Image: base, Runtime: 'runc' })
    const { HostConfig } = await json<{ HostConfig: { Runtime: string } }>('GET', `/containers/${Id}/json`)
    expect(HostConfig.Runtime).to.equal('runc')
  })

  const context = (from: string) => archive([{ name: 'Dockerfile', content: `FROM ${from}\n` }])

  it('may name files of an archive by a way back', async () => {
    const file = { name: '/a/../back', content: 'come back' }
    await json('POST', '/containers/create?name=backwards', { Image: base, Cmd: ['true'] })
    expect((await send('PUT', '/containers/backwards/archive?path=/', archive([file]))).status).to.equal(200)
    expect(await engine.must('cp', 'backwards:/back', '-')).to.contain('come back')
    expect(await engine.must('diff', 'backwards')).to.equal('A /back')
    const lines = `FROM ${base}\nCOPY back /copied\nRUN grep 'come back' /copied\n`
    const built = await send('POST', '/build', archive([{ name: 'x/../Dockerfile', content: lines }, file]))
    expect(built.body).to.contain('Successfully built')
    const made = await send('POST', '/images/create?fromSrc=-&repo=backwards', archive([file]))
    expect(made.body).to.contain('sha256:')
    await json('POST', '/containers/create?name=imported', { Image: 'backwards', Cmd: ['none'] })
    expect(await engine.must('cp', 'imported:/back', '-')).to.contain('come back')
    await json('DELETE', '/containers/imported')
    await engine.must('rmi', 'backwards')
  })

  it('names a platform that there is', async () => {
    for (const [path, body] of [
      ['/images/create?fromImage=127.0.0.1:1/a&tag=b', ''],
      ['/containers/create?', JSON.stringify({ Image: base, Cmd: ['true'] })],
      ['/containers/create?', JSON.stringify({ Image: 'absent', Cmd: ['true'] })],
      ['/build?', context('scratch')],
    ] as const) {
      const answer = await send('POST', `${path}&platform=foobar`, body)
      expect(answer, path).to.include({ status: 400 })
      expect(answer.body).to.contain('unknown operating system or architecture')
    }
  })

  it('names this machine’s platform as people do', async () => {
    const { Arch } = await json<{ Arch: string }>('GET', '/version')
    const [other, ...names] = Arch === 'arm64' ? ['amd64', 'aarch64', 'arm64'] : ['arm64', 'x86_64', 'amd64']
    const body = JSON.stringify({ Image: base, Cmd: ['true'] })
    for (const name of [
      'linux',
      ...names,
      ...names.flatMap((name) => [`linux/${name}`, `Linux/${name.toUpperCase()}`]),
    ]) {
      const asked = `platform=${encodeURIComponent(name)}`
      expect(await send('POST', `/containers/create?${asked}`, body), name).to.include({ status: 201 })
      const built = await send('POST', `/build?${asked}`, context(base))
      expect(built.body, name).to.contain('Successfully built')
      expect((await send('POST', '/build', context(`--platform=${name} ${base}`))).body, name).to.contain(
        'Successfully built',
      )
    }
    const wrong = await send('POST', `/containers/create?platform=linux/${other}`, body)
    expect(wrong).to.include({ status: 404 })
    expect(wrong.body).to.contain('does not match the specified platform')
    const odd = await send('POST', '/build', context(`--platform=foobar ${base}`))
    expect(odd.body).to.contain('unknown operating system or architecture')
  })

  it('hears of an execution driver, and of the names of what secures it, if it is as old as those', async () => {
    interface Info {
      ExecutionDriver?: string
      SecurityOptions: string[]
    }
    const told = async (version: string) => JSON.parse((await send('GET', '/info', '', version)).body) as Info
    const old = await told('1.24')
    const names = (await told('1.25')).SecurityOptions.map((option) => /name=([^,]+)/.exec(option)?.[1])
    expect(old).to.include({ ExecutionDriver: '<not supported>' })
    expect(old.SecurityOptions).to.deep.equal(names)
    expect(await told('1.41')).not.to.have.property('ExecutionDriver')
  })

  it('finds the names of the host on its network', async () => {
    const inside = await engine.must('run', '--rm', '--network', 'host', base, 'cat', '/etc/hosts')
    expect(inside).to.equal(await engine.run('cat', ['/etc/hosts']).then(({ stdout }) => stdout.trim()))
  })

  it('hears how long a check may take as Go says it', async () => {
    const Healthcheck = { Test: ['CMD', 'sleep', '60'], Interval: 100_000_000, Timeout: 50_000_000, Retries: 1 }
    await json('POST', '/containers/create?name=slow', { Image: base, Cmd: ['sleep', '60'], Healthcheck })
    const events = engine.start('events', '--filter', 'container=slow', '--filter', 'event=health_status')
    const unhealthy = new Promise((resolve) => events.stdout?.once('data', resolve))
    await json('POST', '/containers/slow/start')
    await unhealthy
    events.kill()
    const { State } = await json<{ State: { Health: { Log: { Output: string }[] } } }>('GET', '/containers/slow/json')
    expect(State.Health.Log[0]?.Output).to.equal('Health check exceeded timeout (50ms)')
  })
})
