import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { app } from '../../router/parts.js'
import { ask, begin, eventually, startRouter, type RouterUnderTest } from '../../router/plane-rig.js'

/** What the program says to its master's socket. */
async function say(front: RouterUnderTest, line: string): Promise<string> {
  const socket = connect(join(front.config.run, 'router', 'haproxy.sock'))
  socket.end(`${line}\n`)
  return text(socket)
}

describe('HAProxy in front of the router', function () {
  this.timeout(60_000)
  let front: RouterUnderTest
  before(async () => (front = await startRouter('haproxy')))
  after(() => front[Symbol.asyncDispose]())

  it('serves apps by itself, and what it cannot say through the router', async () => {
    await using blog = await app((_request, response) => response.end('by itself'))
    await front.route('fast', [blog.target()])
    await front.route('slow', [blog.target()], { rules: { headers: { 'x-ruled': '1' } } })
    const router = front.pid('router')
    process.kill(router, 'SIGSTOP')
    try {
      expect((await ask(front, 'fast.test')).body).to.equal('by itself')
      expect((await ask(front, 'fast.test', { secure: true })).body).to.equal('by itself')
      let answered = false
      const slow = ask(front, 'slow.test').finally(() => (answered = true))
      await ask(front, 'fast.test')
      expect(answered).to.equal(false)
      process.kill(router, 'SIGCONT')
      expect((await slow).headers['x-ruled']).to.equal('1')
    } finally {
      process.kill(router, 'SIGCONT')
    }
  })

  it('goes on while the router is killed, and takes what comes after', async () => {
    await using blog = await app((_request, response) => response.end('one'))
    await using next = await app((_request, response) => response.end('two'))
    await front.route('going', [blog.target()])
    const slots = await say(front, '@1 show servers state')
    await front.kill('router')
    expect((await ask(front, 'going.test')).body).to.equal('one')
    await front.route('going', [next.target()])
    await eventually(async () => (await ask(front, 'going.test')).body === 'two')
    expect(await say(front, '@1 show servers state')).to.not.equal(slots)
  })

  it('has more apps than it had room for, by a worker that takes over, and what the one before has in its hands counts', async () => {
    let finish: () => void = () => undefined
    await using blog = await app((request, response) => {
      if (request.url !== '/slow') return void response.end('hello')
      response.write('slow ')
      finish = () => response.end('but whole')
    })
    await front.route('room', [blog.target()])
    const slow = await begin(front, 'room.test', { path: '/slow' })
    for (let i = 0; i < 70; i++) await front.route(`app${i}`, [{ ...blog.target(), id: `c${i}` }])
    expect(await say(front, 'show proc')).to.match(/# old workers\n\d/)
    await using next = await app((_request, response) => response.end('next'))
    const version = await front.route('room', [next.target()])
    const drained = front.traffic.drained('id-room', version, blog.target().id, AbortSignal.timeout(20_000))
    let over = false
    void drained.then(() => (over = true))
    for (let i = 0; i < 70; i += 10) expect((await ask(front, `app${i}.test`)).body).to.equal('hello')
    expect((await ask(front, 'room.test')).body).to.equal('next')
    expect(over, 'a request of the worker before is under way').to.equal(false)
    finish()
    expect(await text(slow)).to.equal('slow but whole')
    await drained
  })

  it('has its commands and its keys to itself', async () => {
    const socket = await stat(join(front.config.run, 'router', 'haproxy.sock'))
    expect(socket.mode & 0o777).to.equal(0o600)
    const directory = join(front.config.root, 'router', 'plane')
    for (const name of ['haproxy.cfg', 'fallback.pem', 'certificates.list'])
      expect((await stat(join(directory, name))).mode & 0o777, name).to.equal(0o600)
    expect((await stat(directory)).mode & 0o777).to.equal(0o700)
  })

  it('is configured as its own check wants it, without a warning', async () => {
    const directory = join(front.config.root, 'router', 'plane')
    const outgoing = get({ port: front.port, headers: { host: 'nobody.test' }, agent: false })
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
    answer.resume()
    // in a process that has no such sockets, all but those
    const { stdout, stderr } = await promisify(execFile)('haproxy', [
      '-c',
      ...['haproxy.cfg', 'state.cfg'].flatMap((name) => ['-f', join(directory, name)]),
    ]).catch((error: unknown) => error as { stdout: string; stderr: string })
    const complaints = `${stdout}${stderr}`
      .split('\n')
      .filter((line) => /WARNING|ALERT/.test(line) && !/file descriptor|rror(\(s\)|s) found/.test(line))
    expect(complaints).to.deep.equal([])
  })
})
