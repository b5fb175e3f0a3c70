import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { freePort } from '../../free.js'
import { Pids } from '../../../src/serve/pids.js'
import { pidsFile, readRunning } from '../../../src/serve/instance.js'
import { run } from '../../run.js'
import { running } from '../apps.js'
import { createApp, home, startInstance, type Instance } from '../instance.js'
import { underLoad } from '../load.js'

const app = (words: string): Record<string, string> =>
  running(`require('http').createServer((req, res) => res.end(${JSON.stringify(words)})).listen(process.env.PORT)`)

describe('a data plane in front of the router', function () {
  this.timeout(600_000)
  let berth: Instance
  before(async () => {
    berth = await startInstance({ settings: { BERTH_HTTPS_PORT: String(await freePort()) } })
  })
  after(() => berth[Symbol.asyncDispose]())

  const up = async (router: string): Promise<void> => {
    const env = { ...berth.env, BERTH_ROUTER: router }
    const { code, stderr } = await run(`${home}/bin/berth`, ['up'], { env, timeoutMs: 240_000 })
    expect(code, stderr).to.equal(0)
    expect(readRunning(berth.config.run)?.settings.BERTH_ROUTER).to.equal(router)
  }
  const pids = () => new Pids(pidsFile(berth.config)).alive()
  const secure = async (name: string): Promise<string> => {
    const port = berth.config.httpsPort ?? 0
    const url = `https://${berth.config.appHost(name)}:${port}/`
    return (await run('curl', ['-sSk', '--max-time', '30', url], { env: berth.env })).stdout
  }

  it('comes and goes under load without a lost request, and a push is live by it', async () => {
    const repo = await berth.repository(app('one'))
    const name = await createApp(berth, repo, 'plane')
    const first = await repo.push()
    expect(first.code, first.stderr).to.equal(0)
    const { sent, failures, answers } = await underLoad(berth, name, 100, async () => {
      await up('haproxy')
      const { plane } = pids()
      expect(plane, 'a process of its own').to.not.equal(undefined)
      await repo.commit(app('two'))
      const second = await repo.push()
      expect(second.code, second.stderr).to.equal(0)
      expect((await berth.curl(name)).body).to.equal('two')
      expect(await secure(name)).to.equal('two')
      await up('haproxy') // nothing has changed: it goes on as it is
      expect(pids().plane?.pid).to.equal(plane?.pid)
      process.kill(plane?.pid ?? 0, 0)
      await up('node')
      expect(pids().plane).to.equal(undefined)
      expect((await berth.curl(name)).body).to.equal('two')
      expect(await secure(name)).to.equal('two')
    })
    expect(failures).to.deep.equal([])
    expect(sent).to.be.above(100)
    expect(answers).to.deep.equal(['one', 'two'])
  })

  it('leaves ports of apps to the router, which takes connections over from the one before as they are', async () => {
    const repo = await berth.repository(app('by a port'))
    const name = await createApp(berth, repo, 'ports')
    const port = await freePort()
    await berth.succeed('ports:add', `${port}`, '--to', '5000', '-a', name)
    const pushed = await repo.push()
    expect(pushed.code, pushed.stderr).to.equal(0)
    const kept = connect(port, '127.0.0.1')
    const ask = async (socket: Socket): Promise<string> => {
      socket.write('GET / HTTP/1.1\r\nHost: app\r\n\r\n')
      const [data] = (await once(socket, 'data')) as [Buffer]
      return data.toString().split('\r\n').at(-1) ?? ''
    }
    expect(await ask(kept)).to.equal('by a port')
    const over = new AbortController()
    const failures: string[] = []
    let count = 0
    const load = (async () => {
      for (; !over.signal.aborted; count++) {
        const socket = connect(port, '127.0.0.1')
        const said = await ask(socket).catch((error: unknown) => String(error))
        if (said !== 'by a port') failures.push(said)
        socket.destroy()
      }
    })()
    await up('haproxy')
    expect(await ask(kept)).to.equal('by a port')
    expect((await berth.curl(name)).body).to.equal('by a port')
    await up('node')
    expect(await ask(kept)).to.equal('by a port')
    over.abort()
    await load
    kept.destroy()
    expect(failures).to.deep.equal([])
    expect(count).to.be.above(100)
  })

  it('runs as the account that the router runs as, with no capability', async () => {
    await up('haproxy')
    const status = await readFile(`/proc/${pids().plane?.pid ?? 0}/status`, 'utf8')
    expect(status)
      .to.match(/^Uid:\s+(?!0\b)\d+/m)
      .and.match(/^CapEff:\s+0+$/m)
    const down = await run(`${home}/bin/berth`, ['down'], { env: berth.env, timeoutMs: 120_000 })
    expect(down.code, down.stderr).to.equal(0)
    expect(pids()).to.deep.equal({})
    expect(await readFile(join(berth.config.root, 'log', 'plane.log'), 'utf8')).to.not.match(/ALERT.*(config|parsing)/i)
  })
})
