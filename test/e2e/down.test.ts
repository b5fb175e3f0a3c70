import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { must } from '../run.js'
import { answering } from './apps.js'
import { createApp, startInstance, type Instance } from './instance.js'

/** Everything the instance has in the kernel, by kind. */
async function traces(berth: Instance) {
  const { name, root, run } = berth.config
  const lines = (text: string, ...needles: string[]): string[] =>
    text.split('\n').filter((line) => needles.some((needle) => line.includes(needle)))
  const processes: string[] = []
  for (const pid of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
    const command = await readFile(join('/proc', pid, 'cmdline'), 'utf8').catch(() => '')
    const cgroup = await readFile(join('/proc', pid, 'cgroup'), 'utf8').catch(() => '')
    const environment = await readFile(join('/proc', pid, 'environ'), 'utf8').catch(() => '')
    const ours = command.includes(root) || command.includes(run) || cgroup.includes(`berth-${name}`)
    if (ours || environment.includes(`BERTH_RUN=${run}\0BERTH_NAME=${name}`)) processes.push(`${pid} ${command}`)
  }
  const pool = berth.config.pool.split('.').slice(0, 2).join('.')
  return {
    processes,
    mounts: lines(await readFile('/proc/self/mountinfo', 'utf8'), root, run),
    addresses: lines(await must('ip', ['-oneline', 'address']), ` ${pool}.`),
    tables: lines(await must('nft', ['list', 'tables']), `berth_${name.replaceAll('-', '_')}`),
    cgroups: (await must('find', ['/sys/fs/cgroup', '-type', 'd', '-name', `berth-${name}`]))
      .split('\n')
      .filter(Boolean),
  }
}

describe('berth down', function () {
  this.timeout(240_000)
  let berth: Instance
  let name: string
  before(async () => {
    berth = await startInstance()
    const repo = await berth.repository(answering('still here'))
    name = await createApp(berth, repo, 'stays')
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
  })
  after(async () => {
    await berth[Symbol.asyncDispose]()
  })

  it('stops the platform and leaves apps running; the next start serves the same process', async () => {
    const before = (await traces(berth)).processes.filter((line) => line.includes('server.js'))
    expect(before).to.not.be.empty
    expect((await berth.berth(['down'])).code).to.equal(0)
    expect((await berth.curl(name)).status).to.equal(0)
    const during = await traces(berth)
    expect(during.processes.filter((line) => line.includes('server.js'))).to.deep.equal(before)
    expect(during.processes.filter((line) => /redis-server|dist\//.test(line))).to.deep.equal([])
    berth.start()
    await berth.ready()
    expect((await berth.curl(name)).body).to.equal('still here')
    expect((await traces(berth)).processes.filter((line) => line.includes('server.js'))).to.deep.equal(before)
  })

  it('--all ends a push that is under way', async () => {
    const repo = await berth.repository({ Dockerfile: 'FROM debian:bookworm-slim\nRUN sleep 300\n' })
    await createApp(berth, repo, 'pushing')
    const push = spawn('git', ['push', 'berth', 'main'], { cwd: repo.dir, env: berth.env })
    const ended = once(push, 'exit')
    for await (const chunk of push.stderr) if (String(chunk).includes('sleep 300')) break
    const out = await berth.berth(['down', '--all'], { timeoutMs: 120_000 })
    expect(out.code, out.stderr).to.equal(0)
    expect((await traces(berth)).processes).to.deep.equal([])
    const [code] = (await ended) as [number | null]
    expect(code).to.not.equal(0)
    berth.start()
    await berth.ready()
  })

  it('--all leaves no process, mount, namespace, bridge, nft table or cgroup behind', async () => {
    const out = await berth.berth(['down', '--all'], { timeoutMs: 120_000 })
    expect(out.code, out.stderr).to.equal(0)
    expect(await traces(berth)).to.deep.equal({ processes: [], mounts: [], addresses: [], tables: [], cgroups: [] })
  })

  it('and the next start, as after a reboot, brings every app back by itself', async () => {
    berth.start()
    await berth.ready()
    const deadline = Date.now() + 30_000
    let last = { status: 0, body: '' }
    while (Date.now() < deadline && last.status !== 200) last = await berth.curl(name)
    expect(last).to.deep.equal({ status: 200, body: 'still here' })
  })
})
