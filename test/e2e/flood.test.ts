import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { patience } from '../patience.js'
import { createApp, freshName, instance, type Instance } from './instance.js'
import { answering } from './apps.js'

/** PSS of the platform's processes in bytes, by name (proc(5), smaps_rollup). */
async function memoryOf(berth: Instance): Promise<Record<string, number>> {
  const pids = JSON.parse(await readFile(join(berth.config.run, 'pids.json'), 'utf8')) as Record<
    string,
    { pid: number }
  >
  const sizes = await Promise.all(
    ['api', 'worker', 'router', 'engine'].map(async (name) => {
      const text = await readFile(`/proc/${String(pids[name]?.pid)}/smaps_rollup`, 'utf8')
      return [name, Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1]) * 1024] as const
    }),
  )
  return Object.fromEntries(sizes)
}

describe('what writes without end', () => {
  let berth: Instance
  let other: string
  before(async function () {
    this.timeout(300_000)
    berth = await instance()
    const repo = await berth.repository(answering('fine'))
    other = await createApp(berth, repo, 'quiet')
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
  })

  /** Does it, and sees that memory stays and the other app is served meanwhile. */
  async function during<T>(work: Promise<T>): Promise<T> {
    const before = await memoryOf(berth)
    let slowest = 0
    const over = new AbortController()
    const watch = (async () => {
      const most = { ...before }
      while (!over.signal.aborted) {
        const from = performance.now()
        expect((await berth.curl(other)).body).to.equal('fine')
        expect((await berth.curl('berth', '/api/health')).status).to.equal(200)
        slowest = Math.max(slowest, performance.now() - from)
        for (const [name, size] of Object.entries(await memoryOf(berth))) most[name] = Math.max(most[name] ?? 0, size)
      }
      return most
    })()
    const result = await work.finally(() => over.abort())
    for (const [name, most] of Object.entries(await watch))
      expect(most - (before[name] ?? 0), `${name} grew`).to.be.below(120 << 20)
    expect(slowest, 'milliseconds for two requests').to.be.below(3_000 * patience)
    return result
  }

  for (const [what, line] of Object.entries({
    'short lines': 'yes | head -c 40000000',
    'one line': 'head -c 400000000 /dev/zero | tr "\\\\0" x',
  }))
    it(`in a build, ${what}, ends up in a short log`, async function () {
      this.timeout(300_000)
      const repo = await berth.repository({
        Dockerfile: `FROM debian:bookworm-slim\nRUN ${line}; echo; echo the end of it; exit 3\n`,
      })
      const app = await createApp(berth, repo, freshName('flood'))
      const push = await during(repo.push())
      expect(push.code).to.equal(1)
      expect(push.stderr.length).to.be.below(40 << 20)
      expect(push.stderr).to.include('the end of it').and.to.include('code: 3')
      const logs = join(berth.config.root, 'deploys')
      for (const file of await readdir(logs, { recursive: true }))
        expect((await stat(join(logs, file))).size, file).to.be.below(20 << 20)
      expect((await berth.berth(['builds:output', '-a', app])).stdout).to.include('the end of it')
    })
})
