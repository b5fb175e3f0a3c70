import { expect } from 'chai'
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { base, openDocker, oracle, type DockerEngine } from './harness.js'

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
    const create = async () => {
      const body = JSON.stringify({ Cmd: script, AttachStdin: true, AttachStdout: true })
      const made = await engine.run('curl', [
        ...['-s', '--unix-socket', engine.socket, '-H', 'Content-Type: application/json', '-d', body],
        'http://docker/v1.41/containers/long/exec',
      ])
      return (JSON.parse(made.stdout) as { Id: string }).Id
    }

    it('reaches a command, sent behind the request or behind the answer', async () => {
      for (const later of sent)
        expect(await send(`/exec/${await create()}/start`, '{"Tty":true}', ...later)).to.equal('typed\ndone\n')
      expect(await send(`/exec/${await create()}/start`, '{"Tty":true}')).to.equal('done\n')
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
        expect((await said).slice(8)).to.contain('typed\n')
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
