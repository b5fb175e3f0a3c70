import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { expect } from 'chai'
import { patience } from '../../patience.js'
import { freePort } from '../../free.js'
import { must, run } from '../../run.js'
import { gone, Pids, signalProcess } from '../../../src/serve/pids.js'
import { pidsFile } from '../../../src/serve/instance.js'
import { running } from '../apps.js'
import { createApp, instance, type Instance, type Repository } from '../instance.js'

/** Greets, says every line back, and says good-bye when its client has ended; answers datagrams on port 5353. */
const server = (version: string, where = 'process.env.PORT'): string => `
const net = require('net'), dgram = require('dgram')
net.createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => undefined)
  socket.write('hello ${version}\\n')
  socket.on('data', (data) => socket.write(data))
  socket.on('end', () => socket.end('bye ${version}\\n'))
}).listen(${where})
const udp = dgram.createSocket('udp4')
udp.on('message', (data, { port, address }) => udp.send('${version} ' + data, port, address)).bind(5353)
`

/** A client that reads lines. */
class Line {
  readonly socket: Socket
  readonly #lines: AsyncIterator<string>
  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    this.socket.on('error', () => undefined)
    this.#lines = createInterface(this.socket)[Symbol.asyncIterator]()
  }
  /** Null at the end, however it came. */
  async next(): Promise<string | null> {
    try {
      const next = await this.#lines.next()
      return next.done === true ? null : next.value
    } catch {
      return null // refused, or broken off
    }
  }
  say(text: string): Promise<string | null> {
    this.socket.write(`${text}\n`)
    return this.next()
  }
}

describe('ports of apps', function () {
  this.timeout(300_000 * patience)
  let berth: Instance
  let repo: Repository
  let app: string
  let port: number
  const ports = async (name: string): Promise<unknown[]> =>
    JSON.parse((await berth.succeed('ports', '--json', '-a', name)).stdout) as unknown[]

  before(async () => {
    berth = await instance()
    repo = await berth.repository(running(server('v1')))
    app = await createApp(berth, repo, 'echo')
    port = await freePort()
    // an app that speaks no HTTP: nothing is asked of it but to listen
    await berth.succeed('ports:add', `${port}:tcp`, '--to', '5000', '-a', app)
    const pushed = await repo.push()
    expect(pushed.code, pushed.stderr).to.equal(0)
  })

  /** Asks again until it is so: a router has some milliseconds, one that was killed a second. */
  async function becomes<T>(look: () => Promise<T>, isSo: (now: T) => boolean): Promise<number> {
    const began = performance.now()
    for (const late = began + 10_000 * patience; ;) {
      const now = await look()
      if (isSo(now)) return performance.now() - began
      if (performance.now() > late) throw new Error(`it stays as it is: ${JSON.stringify(now)}`)
    }
  }

  const greeting = async (at = port): Promise<string | null> => {
    const line = new Line(at)
    const said = await line.next()
    line.socket.destroy()
    return said
  }

  it('carry the bytes of real clients, and pass on the end of each side', async () => {
    expect(await ports(app)).to.have.lengthOf(1)
    expect((await ports(app))[0]).to.include({
      port,
      protocol: 'tcp',
      to: 5000,
      type: 'web',
      processes: 1,
      problem: null,
    })
    const text = 'x'.repeat(3_000_000)
    // socat ends its side and reads on to the end of the other
    const { stdout } = await run('socat', ['-t', '30', '-', `TCP:127.0.0.1:${port}`], { input: `${text}\n` })
    expect(stdout === `hello v1\n${text}\nbye v1\n`, `${stdout.length} characters`).to.equal(true)
    expect(await must('socat', ['-t', '30', '-', `TCP6:[::1]:${port}`], { input: '' })).to.equal('hello v1\nbye v1')
  })

  it('go to the new processes after a deploy, while what is under way lives on', async () => {
    const old = new Line(port)
    expect(await old.next()).to.equal('hello v1')
    await repo.commit(running(server('v2')))
    const pushed = await repo.push()
    expect(pushed.code, pushed.stderr).to.equal(0)
    expect(await greeting()).to.equal('hello v2')
    expect(await old.say('still there')).to.equal('still there')
    old.socket.end()
    expect(await old.next()).to.equal('bye v1')
  })

  it('are let alone by a deploy of another app', async () => {
    const line = new Line(port)
    expect(await line.next()).to.equal('hello v2')
    const other = await berth.repository(running(server('other')))
    const name = await createApp(berth, other, 'other')
    await berth.succeed('checks:set', 'listening=true', '-a', name)
    expect((await other.push()).code).to.equal(0)
    expect(await line.say('one')).to.equal('one')
    await berth.succeed('apps:destroy', '-a', name, '--confirm', name)
    expect(await line.say('two')).to.equal('two')
    line.socket.destroy()
  })

  it('are back within a second of the end of a router that was killed', async () => {
    const line = new Line(port)
    expect(await line.next()).to.equal('hello v2')
    const { router } = new Pids(pidsFile(berth.config)).alive()
    if (!router) throw new Error('there is no router')
    signalProcess(router, 'SIGKILL')
    await gone(router)
    expect(await line.next(), 'what was under way ends').to.equal(null)
    const ms = await becomes(
      () => greeting(),
      (said) => said === 'hello v2',
    )
    expect(ms).to.be.below(1_000 * patience)
    await berth.ready()
  })

  it('belong to one app, and say to the second whose they are; nothing changes by what is refused', async () => {
    const other = await createApp(berth, await berth.repository({}), 'second')
    const add = async (...args: string[]) => {
      const { code, stderr } = await berth.berth(['ports:add', ...args, '-a', other])
      expect(code).to.not.equal(0)
      return stderr
    }
    expect(await add(String(port)))
      .to.include(`port ${port}/tcp leads to ${app}; nothing was added`)
      .and.include('ports:remove')
    expect(await add(String(berth.config.httpPort))).to.include("is Berth's own")
    expect(await add('25')).to.include('only root may listen')
    expect(await add('60000')).to.include('1024-32767 (BERTH_PORTS)')
    for (const word of ['http', '0', '70000', '54x', '5432:sctp', '5432:tcp:1', '-1:tcp', '']) await add('--', word)
    expect(await add(String(await freePort()), '--process', 'nope!')).to.include('no process type')
    expect(await add(`${await freePort()}:udp`, '--proxy-protocol')).to.include('PROXY protocol is for tcp')
    const stranger = createServer().listen(await freePort(), '127.0.0.1')
    await once(stranger, 'listening')
    const taken = (stranger.address() as { port: number }).port
    expect(await add(String(taken))).to.include(`port ${taken}/tcp is taken by another program`)
    stranger.close()
    expect(await ports(other)).to.deep.equal([])
    // of two that ask at once one gets it
    const free = await freePort()
    const both = await Promise.all([app, other].map((name) => berth.berth(['ports:add', `${free}`, '-a', name])))
    expect(both.map(({ code }) => code === 0).sort()).to.deep.equal([false, true])
    const winner = both[0]?.code === 0 ? app : other
    await berth.succeed('ports:remove', `${free}:tcp`, '-a', winner)
    expect((await berth.berth(['ports:remove', `${free}:tcp`, '-a', winner])).stderr).to.include(`no port ${free}/tcp`)
  })

  it('keep out whom the networks of the app keep out, and everybody while there is no process', async () => {
    await berth.succeed('access:allow', '192.0.2.0/24', '-a', app)
    expect(await greeting()).to.equal(null)
    await berth.succeed('access:remove', '192.0.2.0/24', '-a', app)
    expect(await greeting()).to.equal('hello v2')
    await berth.succeed('ps:scale', 'web=0', '-a', app)
    expect(await greeting()).to.equal(null)
    await berth.succeed('ps:scale', 'web=1', '-a', app)
    expect(await greeting()).to.equal('hello v2')
  })

  it('lead to a process of another type, and say who the client is where that is wanted', async () => {
    const files = {
      ...running("require('http').createServer((q, s) => s.end('web')).listen(process.env.PORT)\n"),
      Procfile: 'web: node server.js\nlines: node lines.js\n',
      'lines.js': server('lines', '7777'),
    }
    const two = await berth.repository(files)
    const name = await createApp(berth, two, 'two')
    expect((await two.push()).code).to.equal(0)
    const at = await freePort()
    await berth.succeed('ports:add', `${at}:tcp`, '--to', '7777', '--process', 'lines', '--proxy-protocol', '-a', name)
    expect((await ports(name))[0]).to.include({ processes: 0, proxyProtocol: true })
    await berth.succeed('ps:scale', 'lines=1', '-a', name)
    const line = new Line(at)
    expect(await line.next()).to.equal('hello lines')
    // the head of version 2 begins so, and is said back
    expect([await line.next(), await line.next(), await line.next(), await line.next()]).to.deep.equal([
      '',
      '',
      '\0',
      'QUIT',
    ])
    line.socket.destroy()
    // without, at once and with nothing restarted
    await berth.succeed('ports:add', `${at}:tcp`, '--to', '7777', '--process', 'lines', '-a', name)
    const plain = new Line(at)
    expect([await plain.next(), await plain.say('x')]).to.deep.equal(['hello lines', 'x'])
    await berth.succeed('ports:remove', `${at}`, '-a', name)
    expect(await plain.next()).to.equal(null)
    const refused = connect(at, '127.0.0.1')
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException]
    expect(error.code).to.equal('ECONNREFUSED')
  })

  it('carry datagrams, each answer to whom it is for', async () => {
    const at = await freePort()
    await berth.succeed('ports:add', `${at}:udp`, '--to', '5353', '-a', app)
    const clients = await Promise.all(
      ['a', 'b', 'c'].map(async (word) => {
        const socket = createSocket('udp4')
        socket.send(word, at, '127.0.0.1')
        const [said] = (await once(socket, 'message')) as [Buffer]
        socket.close()
        return said.toString()
      }),
    )
    expect(clients).to.deep.equal(['v2 a', 'v2 b', 'v2 c'])
    const socat = await must('socat', ['-t', '2', '-', `UDP:127.0.0.1:${at}`], { input: 'hi' })
    expect(socat).to.equal('v2 hi')
    await repo.commit(running(server('v3')))
    expect((await repo.push()).code).to.equal(0)
    expect(await must('socat', ['-t', '2', '-', `UDP:127.0.0.1:${at}`], { input: 'hi' })).to.equal('v3 hi')
    await berth.succeed('ports:remove', `${at}:udp`, '-a', app)
  })

  it('that nobody listens on reject the next deploy by name, and keep no process from starting again', async () => {
    const http = (words: string) =>
      running(`require('http').createServer((request, response) => {
        if (request.url === '/crash') process.exit(1)
        response.end(${JSON.stringify(words)} + ' ' + process.pid)
      }).listen(process.env.PORT)\n// ${words}`)
    const site = await berth.repository(http('one'))
    const name = await createApp(berth, site, 'site')
    expect((await site.push()).code).to.equal(0)
    await berth.succeed('ports:add', String(await freePort()), '--to', '7777', '-a', name)
    const before = (await berth.curl(name)).body
    await berth.curl(name, '/crash')
    await becomes(
      async () => (await berth.curl(name)).status,
      (status) => status === 200,
    )
    expect(before).to.match(/^one /)
    await site.commit(http('two'))
    const pushed = await site.push()
    expect(pushed.code).to.not.equal(0)
    expect(pushed.stderr).to.include('web.1 did not listen on port 7777').and.include('berth ports')
    expect((await berth.curl(name)).body).to.match(/^one /)
    await berth.succeed('apps:destroy', '-a', name, '--confirm', name)
  })

  it('end with their app', async () => {
    await berth.succeed('apps:destroy', '-a', app, '--confirm', app)
    const other = await createApp(berth, await berth.repository({}), 'heir')
    await berth.succeed('ports:add', `${port}:tcp`, '-a', other)
    await berth.succeed('apps:destroy', '-a', other, '--confirm', other)
  })
})
