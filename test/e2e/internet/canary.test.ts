import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import type { CanaryView, ProcessView, ReleaseView } from '../../../src/api/contract.js'
import { patience } from '../../patience.js'
import { running } from '../apps.js'
import { createApp, home, startInstance, type Instance, type Repository } from '../instance.js'
import { underLoad, type Load } from '../load.js'

/** Says its word and its process, half a second after its start, so that there is a middle to kill in; `/die` ends it. */
const saying = (word: string): Record<string, string> =>
  running(`setTimeout(() => require('http').createServer((req, res) => {
    if (req.url === '/die') process.exit(7)
    res.end('${word} ' + process.env.BERTH_PROCESS)
  }).listen(process.env.PORT), 500)\n`)

const beta = { 'x-beta': '1' }

describe('a canary', function () {
  this.timeout(400_000 * patience)
  let berth: Instance
  let repo: Repository
  let app: string
  before(async () => {
    berth = await startInstance({ settings: { BERTH_TRUSTED_PROXIES: '127.0.0.1' } })
    repo = await berth.repository(saying('old'))
    app = await createApp(berth, repo, 'blog')
    const first = await repo.push()
    expect(first.code, first.stderr).to.equal(0)
    await repo.commit(saying('new'))
  })
  after(() => berth[Symbol.asyncDispose]())

  const json = async <T>(...args: string[]): Promise<T> =>
    JSON.parse((await berth.succeed(...args, '--json', '-a', app)).stdout) as T
  const canary = () => json<CanaryView | null>('canary')
  const names = async () => (await json<ProcessView[]>('ps')).map(({ name, release }) => `${name} v${String(release)}`)
  const current = async () => (await json<ReleaseView[]>('releases')).find((one) => one.current)?.version

  /** The word that a client with this address gets. */
  const word = async (client: string, ...args: string[]): Promise<string> => {
    const { status, body } = await berth.curl(app, '/', '-H', `x-forwarded-for: ${client}`, ...args)
    return status === 200 ? (body.split(' ')[0] ?? '') : `${String(status)} ${body.slice(0, 100)}`
  }
  const clients = Array.from({ length: 40 }, (_, at) => `10.7.0.${String(at)}`)
  const words = async (): Promise<string[]> => {
    const all: string[] = []
    for (const client of clients) all.push(await word(client))
    return all
  }

  /** What clients saw, those with the header and those without, while that went on. */
  const watched = async (during: () => Promise<unknown>): Promise<{ plain: Load; marked: Load }> => {
    let marked: Load = { sent: 0, failures: [], answers: [] }
    const plain = await underLoad(berth, app, 20, async () => {
      marked = await underLoad(berth, app, 20, during, beta)
    })
    return { plain, marked }
  }

  async function kill(name: string): Promise<void> {
    const pids = JSON.parse(await readFile(join(berth.config.run, 'pids.json'), 'utf8')) as Record<
      string,
      { pid: number }
    >
    process.kill(pids[name]?.pid ?? 0, 'SIGKILL')
  }

  /** Kills the worker when the command has said that. */
  async function killedAt(at: RegExp, args: readonly string[]): Promise<{ code: number | null; said: string }> {
    const command = spawn(join(home, 'bin/berth'), args, { env: berth.env, cwd: berth.dir })
    let said = ''
    let killed: Promise<void> | undefined
    for (const output of [command.stdout, command.stderr])
      output.on('data', (chunk: Buffer) => {
        said += chunk.toString()
        if (at.test(said)) killed ??= kill('worker')
      })
    const [code] = (await once(command, 'close')) as [number | null]
    if (!killed) throw new Error(`it never said ${String(at)}:\n${said}`)
    await killed
    return { code, said }
  }

  /** Polls until that is so. */
  async function until(what: string, look: () => Promise<boolean>): Promise<void> {
    for (const late = Date.now() + 60_000 * patience; !(await look());)
      if (Date.now() > late)
        throw new Error(`never came: ${what}\n${(await berth.berth(['canary', '-a', app])).stdout}`)
  }

  it('is pushed to a share of clients, each of whom stays where it is, also after the router was killed', async () => {
    const push = await repo.push('-o', 'canary=30%', 'main')
    expect(push.code, push.stderr).to.equal(0)
    expect(push.stderr)
      .to.match(/v3 gets 30 %; the rest stays with v2/)
      .and.match(/Released v3 as a canary/)
    expect([await current(), await names()]).to.deep.equal([2, ['web.1 v2', 'web.c1 v3']])
    const first = await words()
    expect(first.filter((one) => one === 'new').length).to.be.within(2, 28)
    expect(new Set(first)).to.deep.equal(new Set(['old', 'new']))
    await kill('router')
    await until('a router', async () => (await berth.curl(app)).status === 200)
    expect(await words()).to.deep.equal(first)
    await until('counts', async () => {
      const { stable, canary: its } = (await canary()) ?? {}
      return (its?.requests ?? 0) >= 2 && (stable?.requests ?? 0) >= 2 && its?.errors === 0
    })
    expect((await berth.succeed('canary', '-a', app)).stdout).to.match(
      /v3 gets 30 % of clients[^]*stable +v2 [^]*canary +v3 /,
    )
    expect((await berth.succeed('logs', '-p', 'web.c1', '-a', app)).code).to.equal(0)
  })

  it('gets requests by a header, and refuses what makes no sense, changing nothing', async () => {
    await berth.succeed('canary', 'v3', '--header', 'X-Beta: 1', '-a', app)
    expect(new Set(await words())).to.deep.equal(new Set(['old']))
    for (const client of clients.slice(0, 10)) expect(await word(client, '-H', 'X-Beta: 1')).to.equal('new')
    const before = await canary()
    for (const [args, said] of [
      [['v99', '10%'], /no release v99/],
      [['v2', '10%'], /v2 is what \S+ runs already/],
      [['v1', '10%'], /v1 has no image/],
      [['v3'], /nothing says which requests/],
      [['v3', '0%'], /canary:off/],
      [['v3', '100%'], /canary:promote/],
      [['v3', '101%'], /1% to 99%/],
      [['v3', 'ten'], /1% to 99%/],
      [['v3', '--header', 'X-Beta'], /not a header/],
      [['v3', '--header', 'Host: x'], /no header that requests may be told by/],
      [['v3', '--header', 'X-Beta: 1\r\nX-Other: 2'], /no header that requests may be told by/],
      [['v3', '10%', '--processes', '0'], /not a number of processes/],
    ] as const) {
      const { code, stderr } = await berth.berth(['canary', ...args, '-a', app])
      expect([code === 0, said.test(stderr)], `${args.join(' ')}\n${stderr}`).to.deep.equal([false, true])
    }
    for (const args of [
      ['config:set', 'A=1'],
      ['config:unset', 'A'],
    ]) {
      const { code, stderr } = await berth.berth([...args, '-a', app])
      expect(code, stderr).not.to.equal(0)
      expect(stderr)
        .to.match(/v3 is the canary of \S+ now/)
        .and.match(/canary:off/)
    }
    await repo.commit({ 'other.txt': 'x' })
    const push = await repo.push()
    expect([push.code === 0, /v3 is the canary of \S+ now/.test(push.stderr)], push.stderr).to.deep.equal([false, true])
    expect([await canary().then((now) => now?.since), await current()]).to.deep.equal([before?.since, 2])
  })

  it('that crashes leaves its share to the others, says so, and is restarted; scale and restart mind it', async () => {
    await berth.curl(app, '/die', '-H', 'X-Beta: 1')
    await until('a crash that is told', async () => ((await canary())?.canary.processes[0]?.restarts ?? 0) > 0)
    expect(await word('10.7.0.1', '-H', 'X-Beta: 1')).to.be.oneOf(['old', 'new'])
    expect((await berth.succeed('logs', '-a', app)).stdout).to.match(/web\.c1.*exited with code 7; it starts again/)
    await until('a canary again', async () => (await word('10.7.0.1', '-H', 'X-Beta: 1')) === 'new')
    await until('its errors', async () => ((await canary())?.canary.errors ?? 0) > 0)
    const containers = async () =>
      new Map((await json<ProcessView[]>('ps')).map(({ name, container }) => [name, container]))
    const before = await containers()
    await berth.succeed('ps:scale', 'web=2', '-a', app)
    expect((await containers()).get('web.c1')).to.equal(before.get('web.c1'))
    const { plain, marked } = await watched(() => berth.succeed('ps:restart', 'web.c1', '-a', app))
    expect([...plain.failures, ...marked.failures]).to.deep.equal([])
    const after = await containers()
    expect([after.get('web.1') === before.get('web.1'), after.get('web.c1') === before.get('web.c1')]).to.deep.equal([
      true,
      false,
    ])
    await berth.succeed('ps:scale', 'web=0', '-a', app)
    expect((await berth.curl(app, '/', '-H', 'X-Beta: 1')).body).to.include('scaled to 0')
    await berth.succeed('ps:scale', 'web=1', '-a', app)
    await until('a canary again', async () => (await word('10.7.0.1', '-H', 'X-Beta: 1')) === 'new')
  })

  it('is ended, begun and promoted under load without a failed request', async () => {
    const ended = await watched(() => berth.succeed('canary:off', '-a', app))
    expect([...ended.plain.failures, ...ended.marked.failures]).to.deep.equal([])
    expect(await canary()).to.equal(null)
    await until('its processes gone', async () => !(await names()).some((one) => one.startsWith('web.c')))
    expect(new Set(ended.marked.answers)).to.include('old web.1')
    const { code, stderr } = await berth.berth(['rollback', '-a', app])
    expect([code === 0, /no earlier release/.test(stderr)], stderr).to.deep.equal([false, true])
    const begun = await watched(() => berth.succeed('canary', 'v3', '50%', '--header', 'X-Beta: 1', '-a', app))
    expect([...begun.plain.failures, ...begun.marked.failures]).to.deep.equal([])
    expect(await word('10.7.0.1', '-H', 'X-Beta: 1')).to.equal('new')
    const promoted = await watched(() => berth.succeed('canary:promote', '-a', app))
    expect([...promoted.plain.failures, ...promoted.marked.failures]).to.deep.equal([])
    expect(
      promoted.marked.answers.every((one) => one.startsWith('new ')),
      promoted.marked.answers.join(),
    ).to.equal(true)
    expect(new Set(await words())).to.deep.equal(new Set(['new']))
    expect(await canary()).to.equal(null)
    await until('its processes gone', async () => (await names()).every((one) => one.startsWith('web.1 ')))
    const back = await berth.succeed('rollback', '-a', app)
    expect(back.code).to.equal(0)
    expect(new Set(await words())).to.deep.equal(new Set(['old']))
  })

  for (const [what, args, outcomes] of [
    ['while it begins', ['canary', 'v3', '50%'], ['old', 'new']],
    ['while it is promoted', ['canary:promote'], ['new']],
  ] as const)
    it(`comes out one way when the worker is killed ${what}, and no request fails`, async () => {
      const { plain, marked } = await watched(async () => {
        const { code, said } = await killedAt(/Launching/, [...args, '-a', app])
        expect(code, said).to.equal(0)
      })
      expect([...plain.failures, ...marked.failures]).to.deep.equal([])
      expect(new Set(await words())).to.deep.equal(new Set(outcomes))
      expect((await canary())?.canary.release ?? null).to.equal(what === 'while it begins' ? 3 : null)
    })

  it('is ended by a rollback, the way out of an emergency, and goes with its app', async () => {
    const [newest] = await json<ReleaseView[]>('releases')
    await berth.succeed('canary', 'v2', '50%', '-a', app)
    await berth.succeed('rollback', 'v2', '-a', app)
    expect(await canary()).to.equal(null)
    expect(new Set(await words())).to.deep.equal(new Set(['old']))
    await berth.succeed('canary', `v${String(newest?.version)}`, '50%', '-a', app)
    await berth.succeed('apps:rename', 'journal', '-a', app)
    app = 'journal'
    expect(new Set(await words())).to.deep.equal(new Set(['old', 'new']))
    await berth.succeed('apps:destroy', '-a', app, '--confirm', app)
    expect((await berth.curl(app)).status).to.equal(404)
  })
})
