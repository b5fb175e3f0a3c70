import { readFile } from 'node:fs/promises'
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
