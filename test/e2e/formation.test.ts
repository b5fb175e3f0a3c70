import { expect } from 'chai'
import { answering } from './apps.js'
import { createApp, instance, type Instance } from './instance.js'

const idle = 'setInterval(() => {}, 1000)\n'

describe('what runs of an app', () => {
  let berth: Instance
  before(async function () {
    this.timeout(300_000)
    berth = await instance()
  })

  it('is what its Procfile says: without a web line there is no web', async () => {
    const files = { ...answering('no'), Procfile: 'worker: node w.js\nconstructor: node w.js\n', 'w.js': idle }
    const repo = await berth.repository(files)
    const name = await createApp(berth, repo, 'workers')
    const early = await berth.berth(['ps:scale', 'constructor=1', '-a', name])
    expect(early.code, early.stderr).to.equal(0)
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    expect(push.stderr).to.contain('Runs constructor=1')
    expect(push.stderr).to.contain('worker at 0: scale it with `berth ps:scale worker=1`')
    expect(push.stderr).to.contain('No web process: nothing answers at')
    expect(push.stderr).to.not.contain('deployed to Berth')
    const scaled = await berth.berth(['ps:scale', 'worker=2', '-a', name])
    expect(scaled.code, scaled.stderr).to.equal(0)
    const ps = await berth.berth(['ps', '-a', name])
    for (const process of ['constructor.1', 'worker.1', 'worker.2']) expect(ps.stdout).to.contain(`${process}:`)

    await repo.commit({ ...answering('yes'), Procfile: 'web: node server.js\n' })
    expect((await repo.push()).code).to.equal(0)
    const back = await berth.berth(['rollback', '-a', name])
    expect(back.code, back.stderr).to.equal(0)
    expect(back.stderr + back.stdout).to.contain('Brings back worker=2, which was gone')
    expect((await berth.berth(['ps', '-a', name])).stdout).to.contain('worker.2:')
  })

  it('is told apart where it does not come up', async () => {
    const repo = await berth.repository({ ...answering('x'), Procfile: 'web: echo job done\n' })
    await createApp(berth, repo, 'jobs')
    const push = await repo.push()
    expect(push.code).to.equal(1)
    expect(push.stderr).to.contain('web.1 ended (code 0) before it listened')
    expect(push.stderr).to.contain('a job that ends belongs under another name')
    await repo.commit({
      'package.json': JSON.stringify({ name: 'a', scripts: { start: 'forever .' } }),
      Procfile: null,
    })
    const start = await repo.push()
    expect(start.stderr).to.contain(`"forever" comes from "start" in package.json`)
  })
})
