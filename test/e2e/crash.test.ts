import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { createApp, startInstance, type Instance, type Repository } from './instance.js'
import { underLoad } from './load.js'

/** Builds for 2 s and takes 1.5 s to listen, so that there is a middle to kill in. */
const slow = (text: string): Record<string, string> => ({
  Dockerfile: `FROM node:24-bookworm-slim\nRUN echo ${text} && sleep 2\nCOPY . .\nCMD ["node", "server.js"]\n`,
  'server.js': `setTimeout(() => require('http').createServer((q, s) => s.end('${text}')).listen(process.env.PORT), 1500)\n`,
})

async function kill(berth: Instance, name: string): Promise<void> {
  const pids = JSON.parse(await readFile(join(berth.config.run, 'pids.json'), 'utf8')) as Record<
    string,
    { pid: number }
  >
  const pid = pids[name]?.pid
  if (pid === undefined) throw new Error(`no process "${name}"`)
  process.kill(pid, 'SIGKILL')
}

/** Pushes, and acts once the push's output holds `at`. */
async function pushAnd(
  berth: Instance,
  repo: Repository,
  at: RegExp,
  act: () => Promise<void>,
): Promise<{ code: number | null; said: string }> {
  const push = spawn('git', ['push', 'berth', 'main'], {
    cwd: repo.dir,
    env: { ...berth.env, GIT_TERMINAL_PROMPT: '0' },
  })
  let said = ''
  let acted: Promise<void> | undefined
  push.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
    if (at.test(said)) acted ??= act()
  })
  const [code] = (await once(push, 'close')) as [number | null]
  await acted
  if (!acted) throw new Error(`the push never said ${String(at)}:\n${said}`)
  return { code, said }
}

/** Waits until no deploy of the app is under way. */
async function settled(berth: Instance, name: string): Promise<void> {
  const deadline = Date.now() + 90_000
  for (;;) {
    const builds = await berth.berth(['builds', '--json', '-a', name])
    const list = builds.code === 0 ? (JSON.parse(builds.stdout) as { status: string }[]) : [{ status: 'unknown' }]
    if (list.every(({ status }) => ['succeeded', 'failed', 'superseded'].includes(status))) return
    if (Date.now() > deadline) throw new Error(`never settled: ${builds.stdout}${builds.stderr}`)
    await sleep(200)
  }
}

describe('kill -9 of a platform process in the middle of a deploy', function () {
  this.timeout(240_000)
  let berth: Instance
  before(async () => {
    berth = await startInstance()
  })
  after(async () => {
    await berth[Symbol.asyncDispose]()
  })

  for (const victim of ['engine', 'api', 'worker', 'router', 'redis'])
    for (const [moment, at] of [
      ['build', /sleep 2/],
      ['roll-out', /Launching/],
    ] as const)
      it(`${victim}, during the ${moment}: the outcome told is true, and the app answers throughout`, async () => {
        const repo = await berth.repository(slow('old'))
        const name = await createApp(berth, repo, `kill-${victim}`)
        const first = await repo.push()
        expect(first.code, first.stderr).to.equal(0)
        await repo.commit(slow('new'))
        const head = (await repo.git('rev-parse', 'HEAD')).stdout.trim()
        let outcome: { code: number | null; said: string } = { code: null, said: '' }
        const load = await underLoad(berth, name, 40, async () => {
          outcome = await pushAnd(berth, repo, at, () => kill(berth, victim))
          await berth.ready()
          await settled(berth, name)
        })
        const served = (await berth.curl(name)).body
        const tip = (await repo.git('ls-remote', 'berth', 'refs/heads/main')).stdout.split('\t')[0]
        expect(['old', 'new']).to.include(served)
        if (outcome.code === 0) expect(served, outcome.said).to.equal('new')
        if (outcome.said.includes('[remote rejected]')) expect(served, outcome.said).to.equal('old')
        expect(tip === head, `serves ${served}\n${outcome.said}`).to.equal(served === 'new')
        // what was in flight through a killed router is lost with it; new connections wait in the socket its supervisor holds
        const lost = load.failures.filter(
          (failure) => victim !== 'router' || !/hang up|ECONNRESET|cut off/.test(failure),
        )
        expect(lost).to.deep.equal([])
        expect(load.failures.length).to.be.lessThan(10)
      })

  it('the supervisor: the next one takes over, and apps were never gone', async () => {
    const repo = await berth.repository(slow('steady'))
    const name = await createApp(berth, repo, 'kill-serve')
    expect((await repo.push()).code).to.equal(0)
    await kill(berth, 'serve')
    expect((await berth.curl(name)).body).to.equal('steady') // its children go on
    berth.start()
    await berth.ready()
    expect((await berth.curl(name)).body).to.equal('steady')
  })
})
