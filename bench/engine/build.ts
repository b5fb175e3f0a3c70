/**
 * Builds beside BuildKit's and podman's in the same run: from nothing (FROM, apt-get install curl, COPY of 50 MB in 2,000
 * files), all cached, and with one of the files changed. Berth builds twice: the directory as it lies on the disk, as its
 * platform has it built, and as `docker build` of the classic client sends it. `npm run bench:build [-- SAMPLES]`; as root.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { base } from '../../test/e2e/engine/harness.js'
import { must } from '../../test/run.js'
import { inTurn, openRivals, Phases, report } from './rivals.js'

const samples = Number(process.argv[2] ?? 15)
const files = 2000
const bytesEach = 26_214 // 50 MB in all

/** The client that has BuildKit without a plugin, for both. */
const client = '/usr/bin/docker'
const dockerfile = `FROM ${base}
RUN apt-get update && apt-get install -y --no-install-recommends curl
COPY . /app
CMD ["true"]
`

async function writeContext(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-bench-context-'))
  for (let n = 0; n < files; n++) {
    const place = join(dir, `d${String(n % 40)}`)
    await mkdir(place, { recursive: true })
    await writeFile(join(place, `f${String(n)}`), randomBytes(bytesEach))
  }
  await writeFile(join(dir, 'Dockerfile'), dockerfile)
  return dir
}

/** dockerd lives in a network namespace of its own (test/e2e/foreign.ts): what comes from there goes out as the host's. */
const table = `berth-bench-${String(process.pid)}`
const rules = ['type nat hook postrouting priority srcnat;', 'iifname "bt*" masquerade']
await must('nft', ['-f', '-'], { input: `table ip ${table} {\nchain out {\n${rules.join('\n')}\n}\n}\n` })

await using rivals = await openRivals()
const context = await writeContext()
try {
  const socketOf = (name: string): string => rivals.all.find((one) => one.name === name)?.socket ?? ''
  const typed = async (name: string, buildkit: boolean, noCache: boolean): Promise<void> => {
    const env = { ...process.env, DOCKER_BUILDKIT: buildkit ? '1' : '0' }
    const network = name === 'docker' ? 'host' : 'default'
    const args = [
      '-H',
      `unix://${socketOf(name)}`,
      'build',
      '-q',
      '--network',
      network,
      ...(noCache ? ['--no-cache'] : []),
    ]
    await must(client, [...args, '-t', 'bench', context], { env, timeoutMs: 600_000 })
  }
  const byPodman = async (noCache: boolean): Promise<void> => {
    const cli = rivals.all.find(({ name }) => name === 'podman')?.cli
    await cli?.('build', '-q', '--network', 'host', ...(noCache ? ['--no-cache'] : []), '-t', 'bench', context)
  }
  let phases = new Phases('a build')
  const asked = async (noCache: boolean): Promise<void> => {
    const query = new URLSearchParams({ directory: context, t: 'bench', nocache: noCache ? '1' : '' })
    const note = phases.begin()
    const answer = await rivals.berth.ask('POST', `/build?${String(query)}`)
    let doing = 'looking at the directory'
    for await (const line of createInterface({ input: answer })) {
      if (line.includes('"error"')) throw new Error(line)
      const [, next] = /"stream":"Step [0-9/]+ : (\S+)/.exec(line) ?? []
      if (next === undefined && !line.includes('"aux"')) continue
      note(doing)
      doing = next ?? 'naming the image'
    }
    note(doing)
  }
  const all = (noCache = false): Record<string, () => Promise<void>> => ({
    berth: () => asked(noCache),
    'berth, sent': () => typed('berth', false, noCache),
    docker: () => typed('docker', true, noCache),
    podman: () => byPodman(noCache),
  })
  /** Each builds a change of its own. */
  const changed = Object.fromEntries(
    Object.entries(all()).map(([name, build]) => [
      name,
      async () => {
        await writeFile(join(context, 'd7', 'f7'), randomBytes(bytesEach))
        await build()
      },
    ]),
  )
  const compare = async (what: string, works: typeof changed, limit: number): Promise<void> => {
    phases = new Phases(`a build ${what}`)
    report(what, await inTurn(works, samples, 1), { docker: limit })
    phases.print()
  }
  await compare('from nothing', all(true), 0.9)
  await compare('all cached', all(), 0.6)
  await compare('with one file of 2,000 changed', changed, 0.4)
} finally {
  await rm(context, { recursive: true })
  await must('nft', ['delete', 'table', 'ip', table])
}
