import { expect } from 'chai'
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { base, openDocker, oracle, type DockerEngine } from './harness.js'

/** What frames of output hold (Docker Engine API, "ContainerAttach"): how much is in one is a matter of moments. */
function payload(framed: string): string {
  const bytes = Buffer.from(framed, 'utf8')
  let text = ''
  for (let at = 0; at < bytes.length; at += 8 + bytes.readUInt32BE(at + 4))
    text += bytes.toString('utf8', at + 8, at + 8 + bytes.readUInt32BE(at + 4))
  return text
}

/** The end of an input is missed only now and then. */
const times = Array.from({ length: 10 }, (_, i) => i)
const script = ['sh', '-c', 'cat; echo done']

describe('the input of a container', function () {
  if (process.getuid?.() !== 0) return
  let engine: DockerEngine
  before(async () => {
    engine = await openDocker()
    await engine.must('create', '-i', '--name', 'again', base, ...script)
    await engine.must('run', '-d', '--name', 'long', base, 'sleep', '600')
  })
  after(() => engine[Symbol.asyncDispose]())
  const shell = async (command: string) => (await engine.run('bash', ['-c', command])).stdout
  const create = async (Cmd: readonly string[]) => {
    const body = JSON.stringify({ Cmd, AttachStdin: true, AttachStdout: true })
    const made = await engine.run('curl', [
      ...['-s', '--unix-socket', engine.socket, '-H', 'Content-Type: application/json', '-d', body],
      'http://docker/v1.41/containers/long/exec',
    ])
    return (JSON.parse(made.stdout) as { Id: string }).Id
  }
  const run = `docker run --rm -i ${base} sh -c 'cat; echo done'`

  for (const [what, command, said] of [
    ['nothing', `${run} </dev/null`, 'done\n'],
    ['a pipe that ends at once', `true | ${run}`, 'done\n'],
    ['no descriptor at all', `${run} <&-`, 'done\n'],
    ['a pipe that ends later', `(sleep 0.2; echo late) | ${run}`, 'late\ndone\n'],
    ['a stopped container', 'docker start -ai again </dev/null', 'done\n'],
    ['a command in a container', `docker exec -i long sh -c 'cat; echo done' </dev/null`, 'done\n'],
    [
      'a command in a container that has just been started',
      `docker run -d --rm --name soon ${base} sleep 60 >/dev/null; true | docker exec -i soon sh -c 'cat; echo done'; docker rm -f soon >/dev/null`,
      'done\n',
    ],
  ] as const)
    it(`ends, for ${what}`, async () => {
      for (const n of times) expect({ n, said: await shell(command) }).to.deep.equal({ n, said })
    })

  it('has no client fail that is still sending when the program ends', async () => {
    const deaf = ['sh', '-c', 'read line; echo bye'] // reads one line of what is sent
    const input = Buffer.concat([Buffer.from('go\n'), Buffer.alloc(2_000_000)])
    const talk = async (path: string, body: string): Promise<string> => {
      const socket = connect({ path: engine.socket, allowHalfOpen: true })
      const upgrade = 'Content-Type: application/json\r\nConnection: Upgrade\r\nUpgrade: tcp'
      socket.write(`POST /v1.41${path} HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`)
      socket.write(`Content-Length: ${String(body.length)}\r\n\r\n${body}`)
      await once(socket, 'readable')
      socket.write(input)
      let said = ''
      for await (const chunk of socket) said += String(chunk)
      return said
    }
    for (const n of times) {
      const { stdout: id } = await engine.docker('run', '-di', '--name', 'deaf', base, ...deaf)
      const attached = talk(`/containers/${id.trim()}/attach?stream=1&stdin=1&stdout=1`, '')
      expect({ n, said: (await attached).endsWith('bye\n') }).to.deep.equal({ n, said: true })
      await engine.must('rm', '-f', 'deaf')
      expect({ n, said: (await talk(`/exec/${await create(deaf)}/start`, '{}')).endsWith('bye\n') }).to.deep.equal({
        n,
        said: true,
      })
    }
  })

  describe('of a client that hijacks without an upgrade', () => {
    // dockerd loses what comes behind the request
    const sent = oracle ? [['', 'typed\n']] : [['typed\n'], ['', 'typed\n'], ['ty', 'ped\n']]
    const send = async (path: string, body: string, ...later: string[]) => {
      const socket = connect({ path: engine.socket, allowHalfOpen: true })
      const [first = '', ...rest] = later
      const headers = `Host: x\r\nContent-Type: application/json\r\nContent-Length: ${String(body.length)}`
      socket.write(`POST /v1.41${path} HTTP/1.1\r\n${headers}\r\n\r\n${body}${first}`)
      if (rest.length > 0) await once(socket, 'readable')
      socket.end(rest.join(''))
      const answer = await text(socket)
      expect(answer).to.match(/^HTTP\/1.1 200 OK\r\n/)
      return answer.slice(answer.indexOf('\r\n\r\n') + 4)
    }
    it('reaches a command, sent behind the request or behind the answer', async () => {
      for (const later of sent)
        expect(await send(`/exec/${await create(script)}/start`, '{"Tty":true}', ...later)).to.equal('typed\ndone\n')
      expect(await send(`/exec/${await create(script)}/start`, '{"Tty":true}')).to.equal('done\n')
    })

    it('reaches a container that is started later', async () => {
      const { stdout } = await engine.run('curl', [
        ...['-s', '--unix-socket', engine.socket, '-H', 'Content-Type: application/json'],
        ...['-d', JSON.stringify({ Image: base, Cmd: script, OpenStdin: true, StdinOnce: true })],
        'http://docker/v1.41/containers/create?name=once',
      ])
      expect(stdout).to.contain('"Id"')
      for (const later of sent) {
        const said = send('/containers/once/attach?stream=1&stdin=1&stdout=1', '', ...later)
        await engine.must('start', 'once')
        expect(payload(await said)).to.equal('typed\ndone\n')
        await engine.must('wait', 'once')
      }
    })
  })

  it('frames what a command says as its start asks for', async () => {
    const ask = async (path: string, body: object) =>
      (
        await engine.run('curl', [
          ...['-s', '--unix-socket', engine.socket, '-H', 'Content-Type: application/json'],
          ...['-d', JSON.stringify(body), `http://docker/v1.41${path}`],
        ])
      ).stdout
    const said = async (created: boolean, started: boolean) => {
      const { Id } = JSON.parse(
        await ask('/containers/long/exec', { Cmd: ['echo', 'x'], AttachStdout: true, Tty: created }),
      ) as { Id: string }
      return ask(`/exec/${Id}/start`, { Tty: started })
    }
    expect(await said(false, false)).to.equal('\x01\0\0\0\0\0\0\x02x\n')
    expect(await said(false, true)).to.equal('x\n')
    expect(await said(true, true)).to.equal('x\r\n')
    expect(await said(true, false)).to.equal('\x01\0\0\0\0\0\0\x03x\r\n')
  })
})
