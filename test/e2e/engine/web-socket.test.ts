import { expect } from 'chai'
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { base, openDocker, oracle, type DockerEngine } from './harness.js'

const outputs = 'stream=1&stdout=1&stderr=1'

describe('attaching by WebSocket', function () {
  if (process.getuid?.() !== 0) return
  let engine: DockerEngine
  before(async () => (engine = await openDocker()))
  afterEach(() => engine.clear())
  after(() => engine[Symbol.asyncDispose]())

  const open = (name: string, query: string, version = '1.41') =>
    new WebSocket(`ws+unix://${engine.socket}:/v${version}/containers/${name}/attach/ws?${query}`)
  /** What is sent to a client until its connection ends, and how that ends. */
  const told = async (socket: WebSocket): Promise<{ said: string; code: number }> => {
    let said = ''
    socket.on('message', (data) => (said += (data as Buffer).toString()))
    const [code] = (await once(socket, 'close')) as [number]
    return { said, code }
  }
  const answer = async (method: string, path: string, ...flags: string[]) => {
    const { stdout } = await engine.run('curl', [
      ...['-s', '--unix-socket', engine.socket, '-X', method, '-w', ' %{http_code}', ...flags],
      `http://docker/v1.41${path}`,
    ])
    return stdout.replaceAll('\n', '')
  }
  const reading = async (name: string) => {
    const body = JSON.stringify({ Image: base, Cmd: ['cat'], OpenStdin: true, StdinOnce: true })
    const made = await answer(
      'POST',
      `/containers/create?name=${name}`,
      '-H',
      'Content-Type: application/json',
      '-d',
      body,
    )
    expect(made).to.match(/ 201$/)
  }

  it('has the output from its first byte to its last, and then the end', async () => {
    const words = 'echo out; echo err >&2; head -c 300000 /dev/zero | tr "\\0" x; echo last'
    await engine.must('create', '--name', 'speaks', base, 'sh', '-c', words)
    const socket = open('speaks', outputs)
    const all = told(socket)
    await once(socket, 'open')
    await engine.must('start', 'speaks')
    const { said, code } = await all
    expect(said.replace('err\n', '')).to.equal(`out\n${'x'.repeat(300_000)}last\n`)
    expect(said).to.contain('err\n')
    expect(code).to.equal(1000)
  })

  it('has it all, read as late as it is', async () => {
    const words = 'for n in $(seq 60); do head -c 5000 /dev/zero | tr "\\0" x; done'
    await engine.must('create', '--name', 'pours', base, 'sh', '-c', words)
    const socket = open('pours', outputs)
    const all = told(socket)
    await once(socket, 'open')
    socket.pause()
    await engine.must('start', 'pours')
    await engine.must('wait', 'pours')
    socket.resume()
    expect((await all).said).to.have.length(300_000)
  })

  it('has the streams that are named, from API 1.42 on', async function () {
    if (oracle) return this.skip() // its API is older
    await engine.must('run', '--name', 'spoke', base, 'sh', '-c', 'echo out; echo err >&2')
    expect(await told(open('spoke', 'logs=1&stderr=1', '1.42'))).to.deep.equal({ said: 'err\n', code: 1000 })
    expect((await told(open('spoke', 'logs=1&stderr=1', '1.41'))).said).to.contain('out\n')
  })

  it('has what was said before, and ends where there is no more', async () => {
    await engine.must('run', '--name', 'over', base, 'echo', 'gone')
    expect(await told(open('over', 'logs=1&stdout=1'))).to.deep.equal({ said: 'gone\n', code: 1000 })
  })

  it('passes on all of the input, in messages of either kind, and its end', async () => {
    await reading('reads')
    const socket = open('reads', `${outputs}&stdin=1`)
    await once(socket, 'open')
    await engine.must('start', 'reads')
    const size = 200_000
    let heard = 0
    const echoed = new Promise<void>((resolve) =>
      socket.on('message', (data) => {
        heard += (data as Buffer).length
        if (heard === size + 5) resolve()
      }),
    )
    socket.send('text\n')
    socket.send(Buffer.alloc(size, 'b'))
    await echoed
    socket.close()
    expect(await engine.must('wait', 'reads')).to.equal('0')
    expect((await engine.must('logs', 'reads')).length).to.equal(size + 5)
  })

  it('passes on what was sent right before the client left', async () => {
    await reading('hears')
    const socket = open('hears', `${outputs}&stdin=1`)
    await once(socket, 'open')
    await engine.must('start', 'hears')
    socket.send('last words\n')
    socket.close()
    expect(await engine.must('wait', 'hears')).to.equal('0')
    expect(await engine.must('logs', 'hears')).to.equal('last words')
  })

  it('leaves a terminal by its keys, and the program to itself', async () => {
    await engine.must('run', '-dit', '--name', 'tty', base, 'cat')
    const socket = open('tty', `${outputs}&stdin=1&detachKeys=ctrl-x`)
    await once(socket, 'open')
    socket.send('\u0018')
    await told(socket)
    expect(await engine.must('inspect', '-f', '{{.State.Running}}', 'tty')).to.equal('true')
  })

  it('is refused before anything is answered', async () => {
    await engine.must('run', '-d', '--name', 'up', base, 'sleep', '600')
    await engine.must('pause', 'up')
    const handshake = [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ].flatMap((line) => ['-H', line])
    const version = ['-H', 'Sec-WebSocket-Version: 13']
    const get = (name: string, ...flags: string[]) => answer('GET', `/containers/${name}/attach/ws?stream=1`, ...flags)
    expect(await get('nosuch', ...handshake, ...version)).to.match(/No such container: nosuch.* 404$/)
    expect(await get('up', ...handshake, ...version)).to.match(/is paused, unpause the container before attach.* 409$/)
    await engine.must('unpause', 'up')
    expect(await get('up')).to.match(/not websocket protocol.* 400$/)
    expect(await get('up', ...handshake)).to.match(/ 400$/)
  })
})
