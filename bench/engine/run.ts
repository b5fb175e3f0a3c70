/**
 * How long `create + start + wait` of `true` takes over the API, and a bare `runc run` of the same root file system,
 * sample by sample in turn. `npm run bench:run [-- SAMPLES]`; as root.
 */
import { Agent, request, type IncomingMessage } from 'node:http'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { base, openEngine } from '../../test/e2e/engine/harness.js'
import { must } from '../../test/run.js'

const samples = Number(process.argv[2] ?? 30)
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN

await using engine = await openEngine()
const agent = new Agent({ keepAlive: true })

/** Resolves with the headers: a wait has them long before its body. */
async function ask(method: string, path: string, body?: object): Promise<IncomingMessage> {
  const headers = body ? { 'Content-Type': 'application/json' } : {}
  const asked = request({ socketPath: engine.socket, agent, method, path: `/v1.47${path}`, headers })
  asked.end(body && JSON.stringify(body))
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  if ((answer.statusCode ?? 500) >= 400) throw new Error(`${method} ${path}: ${await text(answer)}`)
  return answer
}

const phases = { create: [], start: [], exit: [], total: [], remove: [] } as Record<string, number[]>
const note = (phase: string, since: number): number => {
  const now = performance.now()
  phases[phase]?.push(now - since)
  return now
}

async function engineRun(network: string): Promise<void> {
  const begun = performance.now()
  const made = await ask('POST', '/containers/create', {
    Image: base,
    Cmd: ['true'],
    HostConfig: { NetworkMode: network },
  })
  const { Id } = JSON.parse(await text(made)) as { Id: string }
  const created = note('create', begun)
  const waiting = await ask('POST', `/containers/${Id}/wait?condition=next-exit`)
  const started = await ask('POST', `/containers/${Id}/start`)
  started.resume()
  const up = note('start', created)
  const { StatusCode } = JSON.parse(await text(waiting)) as { StatusCode: number }
  if (StatusCode !== 0) throw new Error(`true ended with ${StatusCode}`)
  const ended = note('exit', up)
  note('total', begun)
  await text(await ask('DELETE', `/containers/${Id}`))
  note('remove', ended)
}

const bundle = await mkdtemp(join(tmpdir(), 'berth-bench-'))
try {
  const layers = JSON.parse(await engine.must('image', 'inspect', '-f', '{{json .GraphDriver.Data}}', base)) as {
    UpperDir: string
  }
  await must('runc', ['spec'], { cwd: bundle })
  const spec = JSON.parse(await readFile(join(bundle, 'config.json'), 'utf8')) as {
    process: { terminal: boolean; args: string[] }
    root: { path: string; readonly: boolean }
  }
  Object.assign(spec.process, { terminal: false, args: ['true'] })
  spec.root = { path: layers.UpperDir, readonly: true }
  await writeFile(join(bundle, 'config.json'), JSON.stringify(spec))
  const bare: number[] = []
  const isolated: number[] = []
  for (let i = -3; i < samples; i++) {
    const begun = performance.now()
    await must('runc', ['--root', join(bundle, 'state'), 'run', '-b', bundle, `bench${process.pid}-${i + 3}`])
    const took = performance.now() - begun
    const before = phases.total?.length ?? 0
    await engineRun('bridge')
    if (i < 0) for (const values of Object.values(phases)) values.splice(before)
    else bare.push(took)
  }
  const withNetwork = Object.fromEntries(Object.entries(phases).map(([phase, values]) => [phase, median(values)]))
  for (const values of Object.values(phases)) values.length = 0
  for (let i = 0; i < samples; i++) await engineRun('none')
  isolated.push(...(phases.total ?? []))
  const show = (name: string, ms: number): void => console.log(`${name.padEnd(46)} ${ms.toFixed(1).padStart(7)} ms`)
  console.log(`medians of ${samples}, in turn`)
  show('bare runc run', median(bare))
  show('create + start + wait, on the bridge network', withNetwork.total ?? NaN)
  for (const phase of ['create', 'start', 'exit']) show(`  ${phase}`, withNetwork[phase] ?? NaN)
  show('  (remove, after)', withNetwork.remove ?? NaN)
  show('create + start + wait, without a network', median(isolated))
  console.log(`ratio ${((withNetwork.total ?? NaN) / median(bare)).toFixed(2)} (at most 2.5)`)
} finally {
  agent.destroy()
  await rm(bundle, { recursive: true, force: true })
}
