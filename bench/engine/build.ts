/**
 * Builds beside BuildKit's in the same run: from nothing (FROM, apt-get install curl, COPY of 50 MB in 2,000 files), all
 * cached, and with one of the files changed. Berth builds twice: the directory as it lies on the disk, as its platform has
 * it built (asked by curl), and as `docker build` of the classic client sends it. `npm run bench:build [-- SAMPLES [COLD SAMPLES]]`; as root.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { base } from '../../test/e2e/engine/harness.js'
import { must } from '../../test/run.js'
import { inTurn, openRivals, report } from './rivals.js'

const [samples = 15, coldSamples = 3] = process.argv.slice(2).map(Number)
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

await using rivals = await openRivals(['docker'])
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
  const asked = async (noCache: boolean): Promise<void> => {
    const query = new URLSearchParams({
      directory: context,
      t: 'bench',
      q: '1',
      nocache: noCache ? '1' : '',
    })
    const args = ['-sS', '--fail-with-body', '--unix-socket', socketOf('berth'), '-X', 'POST']
    const said = await must('curl', [...args, `http://engine/build?${String(query)}`], { timeoutMs: 600_000 })
    if (said.includes(`"error"`)) throw new Error(said)
  }
  const all = (noCache = false): Record<string, () => Promise<void>> => ({
    berth: () => asked(noCache),
    'berth, sent': () => typed('berth', false, noCache),
    docker: () => typed('docker', true, noCache),
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
  report('from nothing', await inTurn(all(true), coldSamples, 0), { docker: 0.9 })
  report('everything cached', await inTurn(all(), samples), { docker: 0.6 })
  report('one file of 2,000 changed', await inTurn(changed, samples), { docker: 0.4 })
} finally {
  await rm(context, { recursive: true })
  await must('nft', ['delete', 'table', 'ip', table])
}
