/**
 * Builds beside BuildKit's in the same run: from nothing (FROM, apt-get install curl, COPY of 50 MB in 2,000 files), all
 * cached, and with one of the files changed. `npm run bench:build [-- SAMPLES [COLD SAMPLES]]`; as root.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { base } from '../../test/e2e/engine/harness.js'
import { must } from '../../test/run.js'
import { inTurn, openRivals, report, type Rival } from './rivals.js'

const [samples = 15, coldSamples = 3] = process.argv.slice(2).map(Number)
const files = 2000
const bytesEach = 26_214 // 50 MB in all

/** The client that has BuildKit without a plugin, for both. */
const client = '/usr/bin/docker'
const builders = { berth: '0', docker: '1' }

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

await using rivals = await openRivals(['docker'])
const context = await writeContext()
try {
  const build = async ({ name, socket }: Rival, ...more: string[]): Promise<void> => {
    const env = { ...process.env, DOCKER_BUILDKIT: builders[name as keyof typeof builders] }
    const args = ['-H', `unix://${socket}`, 'build', '-q', '--network', name === 'docker' ? 'host' : 'default', ...more]
    await must(client, [...args, '-t', 'bench', context], { env, timeoutMs: 600_000 })
  }
  const each = (work: (rival: Rival) => Promise<void>) =>
    Object.fromEntries(rivals.all.map((rival) => [rival.name, () => work(rival)]))

  report(
    'from nothing',
    await inTurn(
      each((rival) => build(rival, '--no-cache')),
      coldSamples,
      0,
    ),
    { docker: 0.9 },
  )
  for (const rival of rivals.all) await build(rival)
  report('everything cached', await inTurn(each(build), samples), { docker: 0.6 })
  const change = async (rival: Rival): Promise<void> => {
    await writeFile(join(context, 'd7', 'f7'), randomBytes(bytesEach))
    await build(rival)
  }
  report('one file of 2,000 changed', await inTurn(each(change), samples), { docker: 0.4 })
} finally {
  await rm(context, { recursive: true })
  await must('nft', ['delete', 'table', 'ip', table])
}
