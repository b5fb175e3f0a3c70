import { readFile, readlink, readdir } from 'node:fs/promises'
import { Agent, request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { readRunning } from '../../src/serve/instance.js'
import { isAlive, type Pid } from '../../src/serve/pids.js'
import { findStrays } from '../../src/serve/strays.js'
import { answering } from '../e2e/apps.js'
import { createApp, startInstance, type Instance, type Repository } from '../e2e/instance.js'

/** `BERTH_TEST_KILLS` says how many, `BERTH_TEST_SEED` which; 20 take some minutes. */
const kills = Number(process.env.BERTH_TEST_KILLS ?? 100)
const seed = Number(process.env.BERTH_TEST_SEED ?? Date.now() % 1_000_000)
const perSecond = 40

/** Numbers from 0 up to 1 that follow from a seed: mulberry32. */
function numbers(from: number): () => number {
  let state = from
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

type Pids = Record<string, Pid>
const pidsOf = async (berth: Instance): Promise<Pids> =>
  JSON.parse(await readFile(join(berth.config.run, 'pids.json'), 'utf8')) as Pids

const victims = ['api', 'worker', 'router', 'redis', 'engine', 'serve'] as const

/** A kill, and the ports of the clients whose connections a killed router had accepted. */
interface Kill {
  readonly what: string
  readonly at: number
  readonly clients: ReadonlySet<number>
}

/** Ports of the clients whose connections a process has accepted at this port; proc_pid_net(5). */
async function clientsOf(pid: number, port: number): Promise<Set<number>> {
  const fds = await readdir(`/proc/${pid}/fd`)
  const links = await Promise.all(fds.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')))
  const inodes = new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []))
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8')))
  const portOf = (address = ''): number => parseInt(address.split(':')[1] ?? '', 16)
  const rows = tables.flatMap((table) => table.split('\n').map((line) => line.trim().split(/\s+/)))
  return new Set(rows.flatMap((row) => (inodes.has(row[9] ?? '') && portOf(row[1]) === port ? [portOf(row[2])] : [])))
}

/**
 * A steady stream of requests by a client that keeps connections, and by one that opens one for each. A request over a
 * connection that a router had accepted when it was killed is cut, and counted apart; no other may be lost, however long it
 * waits.
 */
class Load {
  sent = 0
  answered = 0
  slowest = 0
  /** Cut with the router that had them. */
  cut = 0
  readonly lost: string[] = []
  readonly kills: Kill[] = []
  readonly #flying = new Set<Promise<void>>()
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })
  readonly #timer: NodeJS.Timeout
  readonly #berth: Instance
  readonly #app: string

  constructor(berth: Instance, app: string) {
    this.#berth = berth
    this.#app = app
    let turn = 0
    this.#timer = setInterval(() => {
      const sending = this.#send(turn++ % 2 === 0)
      this.#flying.add(sending)
      void sending.then(() => this.#flying.delete(sending))
    }, 1000 / perSecond)
  }

  async end(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#flying)
    this.#agent.destroy()
  }

  async #send(keep: boolean): Promise<void> {
    this.sent++
    const began = Date.now()
    // a kept connection that was closed before the request went over it says so by a reset: clients send it again (RFC 9112 §9.3.1)
    for (let tries = keep ? 3 : 1; tries > 0; tries--) {
      const { failure, reused, port } = await this.#once(keep && tries > 1 ? this.#agent : undefined)
      this.slowest = Math.max(this.slowest, Date.now() - began)
      if (failure === null) {
        this.answered++
        return
      }
      if (reused && tries > 1) continue
      if (this.kills.some(({ at, clients }) => at >= began && clients.has(port))) this.cut++
      else this.lost.push(`${this.#tell(began, port)} ${keep ? 'kept' : 'fresh'}: ${failure}`)
      return
    }
  }

  /** When a request was sent and failed, and what was killed shortly before. */
  #tell(began: number, port: number): string {
    const now = Date.now()
    const recent = this.kills.filter(({ at }) => at > began - 5_000).map(({ what, at }) => `${what} ${at - began} ms`)
    return `${new Date(began).toISOString()} +${now - began} ms, from port ${port} (${recent.join(', ')})`
  }

  #once(agent: Agent | undefined): Promise<{ failure: string | null; reused: boolean; port: number }> {
    const { config } = this.#berth
    let port = 0
    return new Promise((resolve) => {
      const outgoing = request({
        host: '127.0.0.1',
        port: config.httpPort,
        agent: agent ?? false,
        headers: { host: config.appHost(this.#app) },
      })
      const settle = (failure: string | null) => resolve({ failure, reused: outgoing.reusedSocket, port })
      outgoing.on('socket', (socket) => {
        const note = () => (port = socket.localPort ?? 0)
        if (socket.connecting) socket.once('connect', note)
        else note()
      })
      outgoing.on('error', (error) => settle(error.message))
      outgoing.on('response', (answer: IncomingMessage) => {
        let body = ''
        answer.setEncoding('utf8').on('data', (text: string) => (body += text))
        answer.on('error', (error) => settle(error.message))
        answer.on('end', () =>
          settle(answer.statusCode === 200 ? null : `${String(answer.statusCode)} ${body.slice(0, 200)}`),
        )
      })
      outgoing.end()
    })
  }
}

describe('kill -9 of platform processes and the engine, again and again, during pushes, scales and upgrades', function () {
  this.timeout(60_000 + kills * 60_000)
  let berth: Instance
  let repo: Repository
  let name: string
  before(async () => {
    console.log(`      seed ${seed}, ${kills} kills`)
    berth = await startInstance()
    repo = await berth.repository(answering('served'))
    name = await createApp(berth, repo, 'steady')
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    expect((await berth.berth(['ps:scale', 'web=2', '-a', name])).code).to.equal(0)
  })
  after(() => berth[Symbol.asyncDispose]())

  it('loses no request but those that a killed router had in its hands', async () => {
    const random = numbers(seed)
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
    const counts: Record<string, number> = {}
    const load = new Load(berth, name)
    const outcomes: string[] = []
    const state = { over: false }
    const changes = (async () => {
      for (let round = 0; !state.over; round++) {
        const what = pick(['push', 'push', 'scale', 'config', 'upgrade'] as const)
        outcomes.push(`${what}: ${await change(berth, repo, name, what, round)}`)
      }
    })()
    try {
      for (let done = 0; done < kills; done++) {
        await sleep(500 + random() * 3_000)
        const victim = pick(victims)
        const { [victim]: process } = await pidsOf(berth)
        if (!process || !isAlive(process)) continue
        const killed = await kill(victim, process, berth.config.httpPort)
        if (!killed) continue
        load.kills.push(killed)
        counts[victim] = (counts[victim] ?? 0) + 1
        if (victim !== 'serve') continue
        berth.start() // as systemd does, or the next bin/up
        // who kills its successor's router before the port has passed on closes it
        await successor(berth, process.pid)
      }
    } finally {
      state.over = true
      await changes
      await berth.ready()
      await load.end()
    }
    const wrong = outcomes.filter((outcome) => !/: (done|refused)/.test(outcome))
    console.log(
      `      ${JSON.stringify(counts)}; ${outcomes.length} changes, ${wrong.length} of them without a clear answer`,
    )
    console.log(
      `      ${load.sent} requests, ${load.answered} answered, ${load.cut} cut with a killed router, ` +
        `${load.lost.length} lost; the slowest took ${load.slowest} ms`,
    )
    for (const outcome of wrong) console.log(`      ${outcome}`)
    expect(load.lost).to.deep.equal([])
    expect(findStrays(berth.config, await pidsOf(berth)), 'processes that nobody knows').to.deep.equal({})
    expect(load.answered + load.cut).to.equal(load.sent)
    const ends = await repo.push('main')
    expect(ends.code, ends.stderr).to.equal(0)
    expect((await berth.curl(name)).status).to.equal(200)
  })
})

/** Resolves when another supervisor has taken over from this one. */
async function successor(berth: Instance, pid: number | undefined): Promise<boolean> {
  const deadline = Date.now() + 60_000
  while ([pid, undefined].includes(readRunning(berth.config.run)?.pid)) {
    if (Date.now() > deadline) return false
    await sleep(50)
  }
  return true
}

/**
 * Kills a process; a router is stopped first, and looked at: what it has accepted by then it has in its hands.
 * @returns null when it ended by itself a moment ago
 */
async function kill(what: string, { pid }: Pid, port: number): Promise<Kill | null> {
  try {
    const isRouter = what === 'router'
    if (isRouter) process.kill(pid, 'SIGSTOP')
    const clients = isRouter ? await clientsOf(pid, port) : new Set<number>()
    const at = Date.now()
    process.kill(pid, 'SIGKILL')
    return { what, at, clients }
  } catch (error) {
    if (['ESRCH', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}

/** One change while processes die. @returns `done`, `refused` with the words, or what nobody can make sense of */
async function change(
  berth: Instance,
  repo: Repository,
  name: string,
  what: 'push' | 'scale' | 'config' | 'upgrade',
  round: number,
): Promise<string> {
  const said = (code: number | null, text: string): string =>
    code === 0 ? 'done' : /▸|rejected|error:|fatal:/.test(text) ? `refused ${text.trim().slice(-300)}` : `? ${text}`
  switch (what) {
    case 'push': {
      await repo.commit({ 'round.txt': String(round) })
      const { code, stderr } = await repo.push()
      return said(code, stderr)
    }
    case 'scale': {
      const { code, stderr } = await berth.berth(['ps:scale', `web=${1 + (round % 3)}`, '-a', name], {
        timeoutMs: 180_000,
      })
      return said(code, stderr)
    }
    case 'config': {
      const { code, stderr } = await berth.berth(['config:set', `ROUND=${round}`, '-a', name], { timeoutMs: 180_000 })
      return said(code, stderr)
    }
    case 'upgrade':
      return upgrade(berth)
  }
}

/** What `bin/up` does with a new build: the supervisor leaves, and the next one takes over. */
async function upgrade(berth: Instance): Promise<string> {
  const { serve } = await pidsOf(berth)
  try {
    if (serve) process.kill(serve.pid, 'SIGUSR2')
  } catch {
    return 'done' // it has just been killed
  }
  berth.start()
  return (await successor(berth, serve?.pid)) ? 'done' : '? nobody took over'
}
