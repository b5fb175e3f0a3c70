import { expect } from 'chai'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { base, eventually, openDocker, oracle, type DockerEngine } from './harness.js'

/** What the suites of docker-py, moby, dockerode and the Ruby gem found: what these clients ask, and the command does not. */
describe('a client library', function () {
  if (process.getuid?.() !== 0) return
  let engine: DockerEngine
  before(async () => (engine = await openDocker()))
  afterEach(() => engine.clear())
  after(() => engine[Symbol.asyncDispose]())

  const ask = (method: string, path: string, body?: object | Buffer, version = '1.41') =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      const headers = { 'Content-Type': Buffer.isBuffer(body) ? 'application/x-tar' : 'application/json' }
      const options = { socketPath: engine.socket, method, path: `/v${version}${path}`, headers, agent: false }
      request(options, (answer) => {
        text(answer).then((body) => resolve({ status: answer.statusCode ?? 0, body }), reject)
      })
        .on('error', reject)
        .end(body === undefined ? undefined : Buffer.isBuffer(body) ? body : JSON.stringify(body))
    })
  const json = async <T>(method: string, path: string, body?: object, version?: string) => {
    const answer = await ask(method, path, body, version)
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${String(answer.status)} ${answer.body}`)
    return (answer.body === '' ? {} : JSON.parse(answer.body)) as T
  }
  const create = async (name: string, body: object) =>
    (await json<{ Id: string }>('POST', `/containers/create?name=${name}`, { Image: base, ...body })).Id
  interface Inspected {
    Config: { Env: string[]; Labels: Record<string, string>; Tty: boolean }
    HostConfig: { PidsLimit: number | null; CpuQuota: number; Tmpfs: object; PortBindings: object }
  }
  const inspect = (name: string) => json<Inspected>('GET', `/containers/${name}/json`)

  it('may write the fields of a body in any case', async () => {
    const made = await ask('POST', '/containers/create?name=lower', {
      image: base,
      CMD: ['sleep', '60'],
      tty: true,
      labels: { Image: 'a', image: 'b' },
      hostconfig: { TmpFs: { '/Scratch': '' }, portbindings: { '80/tcp': [{ hostport: '0' }] } },
    })
    expect(made.status).to.equal(201)
    const { Config, HostConfig } = await inspect('lower')
    expect(Config).to.deep.include({ Tty: true })
    expect(Config.Labels).to.deep.include({ Image: 'a', image: 'b' })
    expect(HostConfig.Tmpfs).to.deep.equal({ '/Scratch': '' })
    await json('POST', '/containers/lower/start')
    const { Id } = await json<{ Id: string }>('POST', '/containers/lower/exec', { cmd: ['id'], attachstdout: true })
    expect((await ask('POST', `/exec/${Id}/start`, { TTY: true })).body).to.match(/^uid=0/)
    await json('POST', '/networks/create', { name: 'cased', checkduplicate: true, labels: { Name: 'x' } })
    await json('POST', '/networks/cased/connect', { container: 'lower', endpointconfig: { aliases: ['other'] } })
    expect((await ask('POST', '/networks/cased/disconnect', { container: 'lower' })).status).to.equal(200)
    expect((await ask('DELETE', '/networks/cased')).status).to.equal(204)
    await json('POST', '/volumes/create', { name: 'cased', labels: { Driver: 'x' } })
    expect((await json<{ Labels: object }>('GET', '/volumes/cased')).Labels).to.deep.equal({ Driver: 'x' })
    expect((await ask('DELETE', '/volumes/cased')).status).to.equal(204)
  })

  it('is told where an image came from', async () => {
    interface Image {
      Container?: string
      Parent: string
      ContainerConfig?: { Image: string; Volumes: object | null; Env: string[] }
    }
    const id = await create('origin', { Cmd: ['true'], Env: ['A=b'], Volumes: { '/kept': {} } })
    await json('POST', '/commit?container=origin&repo=made')
    const base_ = await json<{ Id: string }>('GET', `/images/${base}/json`)
    const made = await json<Image>('GET', '/images/made/json')
    expect(made).to.deep.include({ Container: id, Parent: base_.Id })
    expect(made.ContainerConfig).to.deep.include({ Image: base, Volumes: { '/kept': {} } })
    expect(made.ContainerConfig?.Env).to.include('A=b')
    expect(await json<Image>('GET', `/images/${base}/json`)).to.include.keys('Container', 'ContainerConfig')
    // docker-compose 1.29 asks by the newest version that the engine has
    if (!oracle) expect(await json<Image>('GET', '/images/made/json', undefined, '1.47')).to.include({ Container: id })
    await engine.must('rmi', 'made')
  })

  it('finds the primary group among the supplementary ones', async () => {
    const groups = (...args: string[]) =>
      engine.must('run', '--rm', ...args, base, 'sh', '-c', 'grep Groups: /proc/self/status')
    for (const [args, ids] of [
      [[], '0'],
      [['--user', '1000:2000'], '2000'],
      [['--user', '1000:2000', '--group-add', '3000'], '2000 3000'],
      [['--user', 'www-data'], '33'],
    ] as const)
      expect((await groups(...args)).replace(/\s+/g, ' ').trim()).to.equal(`Groups: ${ids}`)
  })

  it('lifts limits that it has set', async () => {
    await create('limited', { Cmd: ['sleep', '60'], HostConfig: { CpuQuota: 20_000, PidsLimit: 20 } })
    await json('POST', '/containers/limited/start')
    const group = async () => {
      const paths = ['cpu.max', 'cpu/cpu.cfs_quota_us', 'pids.max', 'pids/pids.max'].map((at) => `/sys/fs/cgroup/${at}`)
      const said = await engine.docker('exec', 'limited', 'cat', ...paths)
      return said.stdout.trim().split('\n').map((line) => line.split(' ')[0]) // prettier-ignore
    }
    const update = (body: object, version?: string) => ask('POST', '/containers/limited/update', body, version)
    expect(await group()).to.deep.equal(['20000', '20'])
    await update({ CpuQuota: -1 })
    expect((await group())[0]).to.match(/^(max|-1)$/)
    expect((await inspect('limited')).HostConfig.CpuQuota).to.equal(-1)
    for (const none of [0, -1, -2]) {
      await update({ PidsLimit: 20 })
      expect((await group())[1]).to.equal('20')
      await update({ PidsLimit: none })
      expect((await group())[1]).to.equal('max')
      expect((await inspect('limited')).HostConfig.PidsLimit).to.equal(0)
    }
    await update({ CpuShares: 512 })
    expect((await inspect('limited')).HostConfig.PidsLimit).to.equal(0)
    await update({ PidsLimit: 30 })
    await update({ PidsLimit: 20 }, '1.39') // which had no such field
    expect((await group())[1]).to.equal('30')
    await json('POST', '/containers/limited/restart?t=0')
    expect(await group()).to.deep.equal([(await group())[0]?.replace('20000', 'max') ?? '', '30'])
    await create('unlimited', { Cmd: ['true'], HostConfig: { PidsLimit: -1 } })
    expect((await inspect('unlimited')).HostConfig.PidsLimit).to.equal(null)
  })

  it('is answered as on a node without a swarm and without plugins', async () => {
    const manager = /^\{"message":"This node is not a swarm manager\. Use \\"docker swarm init\\" or/
    for (const [method, path] of [
      ...['', '/unlockkey'].map((path) => ['GET', `/swarm${path}`] as const),
      ...['nodes', 'services', 'tasks', 'secrets', 'configs'].flatMap(
        (kind) =>
          [
            ['GET', `/${kind}`],
            ['GET', `/${kind}/x`],
          ] as const,
      ),
      ...['services', 'secrets', 'configs'].flatMap(
        (kind) =>
          [
            ['POST', `/${kind}/create`],
            ['POST', `/${kind}/x/update?version=1`],
            ['DELETE', `/${kind}/x`],
          ] as const,
      ),
    ]) {
      const { status, body } = await ask(method, path, method === 'POST' ? {} : undefined)
      expect({ method, path, status }).to.deep.equal({ method, path, status: 503 })
      expect(body).to.match(manager)
    }
    expect(await ask('POST', '/swarm/leave')).to.include({ status: 503 })
    expect(await json('GET', '/plugins')).to.deep.equal([])
    for (const name of ['x', 'a/b'])
      expect(await ask('GET', `/plugins/${name}/json`)).to.deep.equal({
        status: 404,
        body: `{"message":"plugin \\"${name}\\" not found"}\n`,
      })
    expect(await ask('POST', '/plugins/x/enable?timeout=1')).to.include({ status: 404 })
  })

  it('may name a tag twice', async () => {
    const reasons = [
      [`fromImage=${base}&tag=bookworm-slim`, /^(?!.*invalid reference)/],
      ['fromImage=127.0.0.1:1/a:b&tag=b', /127\.0\.0\.1:1/],
      ['fromImage=127.0.0.1:1/a&tag=b', /127\.0\.0\.1:1/],
    ] as const
    for (const [query, reason] of reasons)
      expect((await ask('POST', `/images/create?${query}`)).body, query).to.match(reason)
  })

  it('is told in the stream that an archive is none', async () => {
    for (const archive of [Buffer.from('no archive'), Buffer.alloc(2048), Buffer.alloc(0)]) {
      const { status, body } = await ask('POST', '/images/load', archive)
      expect(status).to.equal(200)
      const lines = body.trim().split('\n').filter(Boolean)
      const last = JSON.parse(lines.at(-1) ?? '{}') as { error?: string; errorDetail?: { message: string } }
      expect(last.error, body).to.be.a('string').with.length.above(0)
      expect(last.errorDetail?.message).to.equal(last.error)
    }
  })

  it('finds what it is linked to in its environment', async () => {
    const exposed = ['6379/tcp', '53/udp', '53/tcp', '8001/tcp', '8000/tcp', '8002/tcp']
    await create('my-db', {
      Cmd: ['sleep', '60'],
      Env: ['SECRET=a=b', 'HOME=/x'],
      ExposedPorts: Object.fromEntries(exposed.map((port) => [port, {}])),
    })
    await json('POST', '/containers/my-db/start')
    await create('linked', { Cmd: ['sleep', '60'], HostConfig: { Links: ['my-db:the-db'] } })
    await json('POST', '/containers/linked/start')
    const variables = async () =>
      (await engine.must('exec', 'linked', 'env')).split('\n').filter((line) => line.startsWith('THE_DB_'))
    const address = /THE_DB_PORT=tcp:\/\/([\d.]+):53/.exec((await variables()).join('\n'))?.[1] ?? ''
    expect((await variables()).map((line) => line.replace(address, 'A')).sort()).to.deep.equal(
      [
        ...['ENV_SECRET=a=b', 'NAME=/linked/the-db', 'PORT=tcp://A:53'],
        ...['PORT_8000_TCP_START=tcp://A:8000', 'PORT_8000_TCP_PORT_START=8000'],
        ...['PORT_8000_TCP_END=tcp://A:8002', 'PORT_8000_TCP_PORT_END=8002'],
        ...exposed.flatMap((key) => {
          const [port = '', protocol = ''] = key.split('/')
          const name = `PORT_${port}_${protocol.toUpperCase()}`
          const all = [`${name}=${protocol}://A:${port}`, `${name}_ADDR=A`, `${name}_PORT=${port}`]
          return [...all, `${name}_PROTO=${protocol}`]
        }),
      ]
        .map((line) => `THE_DB_${line}`)
        .sort(),
    )
    const own = (await engine.must('exec', 'linked', 'cat', '/proc/1/environ')).split('\0')
    expect(own.filter((line) => line.startsWith('THE_DB_')).sort()).to.deep.equal((await variables()).sort())
  })

  it('finds its program where the runtime was, once a start is answered', async function () {
    if (oracle) return this.skip() // runc answers a little before
    await create('begun', { Cmd: ['sleep', '60'] })
    for (let n = 0; n < 20; n++) {
      await json('POST', '/containers/begun/start')
      const { Processes } = await json<{ Processes: string[][] }>('GET', '/containers/begun/top?ps_args=-o%20pid,args')
      expect(Processes.map((row) => row.at(-1))).to.deep.equal(['sleep 60'])
      await json('POST', '/containers/begun/kill')
      await ask('POST', '/containers/begun/wait')
    }
  })

  it('hears of health checks as of any command', async () => {
    const since = Math.floor(Date.now() / 1000)
    const Healthcheck = { Test: ['CMD-SHELL', 'exit 0'], Interval: 100_000_000 }
    await create('healthy', { Cmd: ['sleep', '60'], Healthcheck })
    await json('POST', '/containers/healthy/start')
    const actions = async () => {
      const filters = encodeURIComponent(JSON.stringify({ container: ['healthy'] }))
      const until = Math.floor(Date.now() / 1000) + 1
      const { body } = await ask('GET', `/events?since=${String(since)}&until=${String(until)}&filters=${filters}`)
      return body.trim().split('\n').map((line) => (JSON.parse(line) as { Action: string }).Action) // prettier-ignore
    }
    await eventually(async () => (await actions()).includes('health_status: healthy'), 'a healthy container')
    const seen = (await actions()).filter((action) => /^exec_/.test(action)).slice(0, 3)
    expect(seen).to.deep.equal(['exec_create: /bin/sh -c exit 0', 'exec_start: /bin/sh -c exit 0', 'exec_die'])
  })

  it('reaches a container by what another calls it, whatever it is renamed to', async () => {
    await create('linked-db', { Cmd: ['sleep', '60'] })
    await json('POST', '/containers/linked-db/start')
    await create('linked-web', { Cmd: ['sleep', '60'], HostConfig: { Links: ['linked-db:mysql'] } })
    interface Linked {
      Name: string
      HostConfig: { Links: string[] }
    }
    const name = async () => (await json<Linked>('GET', '/containers/linked-web/mysql/json')).Name
    const links = async () => (await json<Linked>('GET', '/containers/linked-web/json')).HostConfig.Links
    expect(await name()).to.equal('/linked-db')
    expect(await links()).to.deep.equal(['/linked-db:/linked-web/mysql'])
    await json('POST', '/containers/linked-db/rename?name=other-db')
    expect(await name()).to.equal('/other-db')
    expect(await links()).to.deep.equal(['/other-db:/linked-web/mysql'])
    await json('POST', '/containers/linked-web/start')
    expect(await engine.must('exec', 'linked-web', 'getent', 'hosts', 'mysql')).to.contain('other-db')
  })

  it('may attach to what has just ended', async () => {
    for (let n = 0; n < 10; n++) {
      await create('brief', { Cmd: ['true'] })
      await json('POST', '/containers/brief/start')
      expect((await ask('POST', '/containers/brief/attach?stream=0&logs=1&stdout=1')).status).to.equal(200)
      // one that has ended is waited for until its next start; once it is gone there will be none
      const attached = oracle ? null : ask('POST', '/containers/brief/attach?stream=1&stdout=1')
      await json('DELETE', '/containers/brief?force=1')
      if (attached) expect((await attached).status).to.be.oneOf([200, 404, 409])
    }
  })

  it('has what an image was committed from removed with it, where nothing else needs it', async () => {
    const commit = async (from: string, change: string) => {
      await create('committed', { Image: from, Cmd: ['true'] })
      const { Id } = await json<{ Id: string }>('POST', `/commit?container=committed&repo=chain&changes=${change}`)
      await json('DELETE', '/containers/committed')
      return Id
    }
    const there = async (id: string) => (await ask('GET', `/images/${id}/json`)).status === 200
    const first = await commit(base, 'LABEL%20a=1')
    const second = await commit('chain', 'LABEL%20a=2')
    const third = await commit('chain', 'LABEL%20a=3')
    await create('user', { Image: second, Cmd: ['true'] })
    await json('DELETE', '/images/chain')
    expect([await there(first), await there(second), await there(third)]).to.deep.equal([true, true, false])
    await json('DELETE', '/containers/user')
    await json('DELETE', `/images/${second}`)
    expect([await there(first), await there(second)]).to.deep.equal([false, false])
    expect(await there(base)).to.equal(true)
  })

  it('is refused a body that it does not call JSON', async () => {
    const post = (path: string, type: string) =>
      engine.run('curl', [
        ...[
          '-s',
          '-o',
          '/dev/null',
          '-w',
          '%{http_code}',
          '--unix-socket',
          engine.socket,
          '-H',
          `Content-Type: ${type}`,
        ],
        ...['-d', '{"Name":"typed"}', `http://docker/v1.41${path}`],
      ])
    for (const path of ['/volumes/create', '/networks/create', '/containers/create'])
      expect((await post(path, 'text/plain')).stdout, path).to.equal('400')
    expect((await post('/volumes/create', 'application/json; charset=utf-8')).stdout).to.equal('201')
    await json('DELETE', '/volumes/typed')
  })

  it('takes a variable away by its name alone, which is shown', async () => {
    await engine.must('run', '-d', '--name', 'with', base, 'true')
    await engine.must('commit', '--change', 'ENV KEPT=1 GONE=2', 'with', 'environment')
    const Env = ['OWN=3', 'GONE', 'NEVER']
    await create('without', { Image: 'environment', Cmd: ['sleep', '60'], Env })
    expect((await inspect('without')).Config.Env).to.have.members([...Env, ...(await ofImage()), 'KEPT=1'])
    await json('POST', '/containers/without/start')
    const names = async (...args: string[]) =>
      (await engine.must('exec', ...args, 'without', 'env')).split('\n').map((line) => line.split('=')[0])
    expect(await names())
      .to.include.members(['OWN', 'KEPT'])
      .and.not.include.members(['GONE'])
    expect(await names()).not.to.include('NEVER')
    await engine.must('rm', '-f', 'with', 'without')
    await engine.must('rmi', 'environment')
  })
  const ofImage = async () => {
    const { Config } = await json<{ Config: { Env: string[] | null } }>('GET', `/images/${base}/json`)
    return Config.Env ?? []
  }
})
