import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { patience } from '../../patience.js'
import { evaluating } from '../apps.js'
import { createApp, instance, type Instance } from '../instance.js'

describe('the rules of an app', function () {
  this.timeout(180_000 * patience)
  let berth: Instance
  before(async () => {
    berth = await instance()
  })

  it('hold at once and through deploys and restarts, and are taken back', async () => {
    const repo = await berth.repository(evaluating('`${req.headers["x-forwarded-user"]} ${process.pid}`'))
    const app = await createApp(berth, repo, 'ruled')
    expect((await repo.push()).code).to.equal(0)
    /** The router hears of a rule some milliseconds after the command. */
    const becomes = async (status: number, ...args: string[]): Promise<string> => {
      for (const late = Date.now() + 10_000 * patience; ;) {
        const reply = await berth.curl(app, '/', ...args)
        if (reply.status === status) return reply.body
        if (Date.now() > late) throw new Error(`${String(reply.status)} and not ${String(status)}: ${reply.body}`)
      }
    }
    const page = join(repo.dir, 'soon.html')
    await writeFile(page, '<p>soon</p>')
    await berth.succeed('maintenance:on', '--page', page, '-a', app)
    expect(await becomes(503, '-H', 'accept: text/html')).to.equal('<p>soon</p>')
    await repo.commit({ 'more.txt': 'x' })
    const { code, stderr } = await repo.push()
    expect(code, stderr).to.equal(0)
    expect((await berth.curl(app)).body).to.include('is in maintenance')
    await berth.succeed('maintenance:off', '-a', app)
    await becomes(200)

    await berth.succeed('access:allow', '203.0.113.0/24', '-a', app)
    await becomes(403)
    await berth.succeed('access:allow', '127.0.0.0/8', '::1', '-a', app)
    await becomes(200)
    const set = await berth.berth(['access:password', 'me', '-a', app], { input: 'secret\n' })
    expect(set.code, set.stderr).to.equal(0)
    await becomes(401)
    expect(await becomes(200, '-u', 'me:secret', '-H', 'x-forwarded-user: root')).to.match(/^me \d+$/)
    await berth.succeed('ps:restart', '-a', app)
    expect((await berth.curl(app)).status).to.equal(401)
    await berth.succeed('access:password', 'me', '--remove', '-a', app)
    expect(await becomes(200)).to.match(/^undefined /)
  })
})
