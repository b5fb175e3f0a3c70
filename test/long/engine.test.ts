import { expect } from 'chai'
import Docker from 'dockerode'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Agent } from 'node:http'
import { readdirSync, readFileSync } from 'node:fs'
import { PassThrough, type Readable } from 'node:stream'
import { must, run } from '../run.js'
import { base, eventually, openEngine, type TestEngine } from '../e2e/engine/harness.js'

/** Rounds of create, start, wait, remove; the daemon is warm after the first of these. */
const warm = 500
const rounds = 2000
const atOnce = 4
/** What the daemon may grow between them: a leak of 20 KB a round would be 30 MB. */
const boundMb = 25

/** What the daemon and the kernel hold of an engine. */
interface Held {
  readonly fds: number
  readonly mounts: number
  readonly groups: number
  readonly veths: number
  /** Lines of its nft table: elements of maps and sets are among them. */
  readonly rules: number
}

describe('an engine that runs for long', function () {
  if (process.getuid?.() !== 0) return
  let engine: TestEngine
  let docker: Docker
  /** What the names of its links begin with. */
  let veth: string
  before(async () => {
    engine = await openEngine()
    // a connection kept alive would be counted as the daemon's; the types know nothing of `agent`
    const options = { socketPath: engine.socket, agent: new Agent({ keepAlive: false }) }
    docker = new Docker(options)
    veth = `bv${createHash('sha256').update(engine.name).digest('hex').slice(0, 4)}`
  })
  after(() => engine[Symbol.asyncDispose]())

  const proc = (file: string): string => readFileSync(`/proc/${engine.pid()}/${file}`, 'utf8')
  const pssMb = (): number => Number(/^Pss:\s+(\d+)/m.exec(proc('smaps_rollup'))?.[1]) / 1024

  const held = async (): Promise<Held> => ({
    fds: readdirSync(`/proc/${engine.pid()}/fd`).length,
    mounts: proc('mountinfo').trim().split('\n').length,
    groups: (await must('find', ['/sys/fs/cgroup', '-type', 'd', '-path', `*/berth-${engine.name}/*`]))
      .split('\n')
      .filter(Boolean).length,
    veths: (await must('ip', ['-o', 'link', 'show', 'type', 'veth'])).split('\n').filter((line) => line.includes(veth))
      .length,
    rules: (await run('nft', ['list', 'table', 'inet', `berth_${engine.name}`])).stdout.split('\n').length,
  })

  /** The least of a few readings: connections and followers of a moment ago may still be closing. */
  const least = async (): Promise<Held> => {
    let low = await held()
    for (let reading = 0; reading < 5; reading++) {
      await new Promise((resolve) => setTimeout(resolve, 1000))
      const now = await held()
      if (now.fds < low.fds) low = now
    }
    return low
  }

  /** One container from its making to its removal. */
  const round = async (number: number): Promise<void> => {
    const container = await docker.createContainer({
      Image: base,
      Cmd: ['sh', '-c', `echo ${number}; exit ${number % 7}`],
      ExposedPorts: { '80/tcp': {} },
      HostConfig: { PortBindings: number % 10 === 0 ? { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } : {} },
    })
    const ended = container.wait({ condition: 'next-exit' }) as Promise<{ StatusCode: number }>
    await container.start()
    expect((await ended).StatusCode).to.equal(number % 7)
    await container.remove({ force: true })
  }

  const churn = async (from: number, to: number): Promise<void> => {
    let next = from
    const lane = async (): Promise<void> => {
      while (next < to) await round(next++)
    }
    await Promise.all(Array.from({ length: atOnce }, lane))
  }

  it(`holds no more after ${rounds} containers than after ${warm}`, async () => {
    await churn(0, 20)
    const first = await least()
    const began = Date.now()
    await churn(20, warm)
    const before = pssMb()
    await churn(warm, rounds)
    const after = pssMb()
    const seconds = (Date.now() - began) / 1000
    const last = await least()
    console.log(
      `      PSS ${before.toFixed(1)} MB at ${warm}, ${after.toFixed(1)} MB at ${rounds}; ` +
        `${((1000 * seconds) / (rounds - 20)).toFixed(0)} ms a round, ${atOnce} at once; ${JSON.stringify({ first, last })}`,
    )
    for (const [what, count] of Object.entries(first) as [keyof Held, number][])
      expect(last[what], what).to.be.at.most(count)
    expect(after - before).to.be.lessThan(boundMb)
    expect(await engine.must('ps', '-aq')).to.equal('')
  })

  it('feeds a hundred followers of one log, and forgets them', async () => {
    const lines = 500
    const script = `i=0; while [ $i -lt ${lines} ]; do echo line $i; i=$((i+1)); [ $((i%50)) = 0 ] && sleep 0.2; done`
    const before = await held()
    const container = await docker.createContainer({ Image: base, Cmd: ['sh', '-c', `sleep 2; ${script}; sleep 1`] })
    await container.start()
    const follow = async (): Promise<Readable> =>
      (await container.logs({ follow: true, stdout: true, stderr: true })) as unknown as Readable
    const followers = await Promise.all(Array.from({ length: 100 }, follow))
    // a quarter leaves in the middle
    const stay = followers.map(async (stream, index) => {
      if (index % 4 === 0) {
        await once(stream, 'data')
        stream.destroy()
        return undefined
      }
      return textOf(docker, stream)
    })
    const all = Array.from({ length: lines }, (_, i) => `line ${i}\n`).join('')
    const texts = (await Promise.all(stay)).filter((text) => text !== undefined)
    expect(texts).to.have.length(75)
    for (const text of texts) expect(text).to.equal(all)
    await container.remove({ force: true })
    await eventually(async () => JSON.stringify(await held()) === JSON.stringify(before), 'letting go of all')
  })
})

/** Standard output of a multiplexed stream, to its end. */
async function textOf(docker: Docker, stream: Readable): Promise<string> {
  const out = new PassThrough()
  let text = ''
  out.on('data', (chunk: Buffer) => (text += chunk.toString()))
  ;(docker.modem as { demuxStream(from: Readable, out: PassThrough, err: PassThrough): void }).demuxStream(
    stream,
    out,
    out,
  )
  await once(stream, 'end')
  return text
}
