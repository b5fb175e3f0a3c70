/**
 * create + start + wait + remove of `true` over the API, with limits and a network, beside dockerd, podman and the bare
 * runtime with the same seccomp profile and limits but no network, in the same run; then `exec true`, and stop and remove.
 * `npm run bench:run [-- SAMPLES]`; as root.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { capabilitiesOf } from '../../src/engine/runtime/capabilities.js'
import { seccompProfile } from '../../src/engine/runtime/seccomp.js'
import { base } from '../../test/e2e/engine/harness.js'
import { must } from '../../test/run.js'
import { inTurn, openRivals, Phases, quiet, report, type Rival } from './rivals.js'

const samples = Number(process.argv[2] ?? 15)
const limits = { Memory: 256 << 20, PidsLimit: 100 }

const phases = {
  run: new Phases('a run'),
  exec: new Phases('an exec'),
  stop: new Phases('a stop and removal'),
  none: new Phases('a rival'),
}
const clock = ({ name }: Rival, what: 'run' | 'exec' | 'stop') => phases[name === 'berth' ? what : 'none'].begin()

async function apiRun(rival: Rival): Promise<void> {
  const { name, ask } = rival
  const note = clock(rival, 'run')
  const body = { Image: base, Cmd: ['true'], HostConfig: limits }
  const { Id } = JSON.parse(await text(await ask('POST', '/containers/create', body))) as { Id: string }
  note('create')
  const wait = ask('POST', `/containers/${Id}/wait?condition=next-exit`) // its headers come with the exit at podman's
  await text(await ask('POST', `/containers/${Id}/start`))
  note('start')
  const { StatusCode } = JSON.parse(await text(await wait)) as { StatusCode: number }
  if (StatusCode !== 0) throw new Error(`${name}: true ended with ${StatusCode}`)
  note('exit')
  await text(await ask('DELETE', `/containers/${Id}`))
  note('remove')
}

/** Starts what goes on until it is killed; answers with its id. */
async function sleeper({ ask }: Rival): Promise<string> {
  const body = { Image: base, Cmd: ['sleep', '3600'], HostConfig: limits }
  const { Id } = JSON.parse(await text(await ask('POST', '/containers/create', body))) as { Id: string }
  await text(await ask('POST', `/containers/${Id}/start`))
  return Id
}

async function apiExec(rival: Rival, container: string): Promise<void> {
  const { name, ask } = rival
  const note = clock(rival, 'exec')
  const body = { Cmd: ['true'], AttachStdout: true, AttachStderr: true }
  const { Id } = JSON.parse(await text(await ask('POST', `/containers/${container}/exec`, body))) as { Id: string }
  note('create')
  await text(await ask('POST', `/exec/${Id}/start`, { Detach: false, Tty: false }))
  note('start to end')
  const { ExitCode } = JSON.parse(await text(await ask('GET', `/exec/${Id}/json`))) as { ExitCode: number }
  note('inspect')
  if (ExitCode !== 0) throw new Error(`${name}: true ended with ${String(ExitCode)}`)
}

/** Milliseconds of the stop and the removal. */
async function apiStop(rival: Rival): Promise<number> {
  const id = await sleeper(rival)
  await quiet()
  const since = performance.now()
  const note = clock(rival, 'stop')
  await text(await rival.ask('POST', `/containers/${id}/stop?t=0`))
  note('stop')
  await text(await rival.ask('DELETE', `/containers/${id}`))
  note('remove')
  return performance.now() - since
}

/** A bundle of the base image for `runc run`. */
async function bareBundle(dir: string, root: string): Promise<void> {
  await must('runc', ['spec'], { cwd: dir })
  const spec = JSON.parse(await readFile(join(dir, 'config.json'), 'utf8')) as {
    process: { terminal: boolean; args: string[] }
    root: { path: string; readonly: boolean }
    linux: { seccomp: object; resources: object }
  }
  Object.assign(spec.process, { terminal: false, args: ['true'] })
  spec.root = { path: root, readonly: true }
  spec.linux.seccomp = seccompProfile(capabilitiesOf([], [], false))
  Object.assign(spec.linux.resources, { memory: { limit: limits.Memory }, pids: { limit: limits.PidsLimit } })
  await writeFile(join(dir, 'config.json'), JSON.stringify(spec))
}

await using rivals = await openRivals()
const bundle = await mkdtemp(join(tmpdir(), 'berth-bench-'))
try {
  const layers = await rivals.berth.cli('image', 'inspect', '-f', '{{.GraphDriver.Data.UpperDir}}', base)
  await bareBundle(bundle, layers)
  let count = 0
  const bare = async (): Promise<void> => {
    const id = `bench${process.pid}-${String(count++)}`
    await must('runc', ['--root', join(bundle, 'state'), 'run', '-b', bundle, id])
  }
  const works = Object.fromEntries(rivals.all.map((rival) => [rival.name, () => apiRun(rival)]))
  const took = await inTurn({ ...works, 'bare runc': bare }, samples)
  report('create + start + wait + remove of true', took, { docker: 0.2, 'bare runc': 1.6 })
  phases.run.print()
  const running = new Map<Rival, string>()
  for (const rival of rivals.all) running.set(rival, await sleeper(rival))
  const each = (work: (rival: Rival) => Promise<unknown>) =>
    inTurn(Object.fromEntries(rivals.all.map((rival) => [rival.name, () => work(rival)])), samples)
  report('exec true', await each((rival) => apiExec(rival, running.get(rival) ?? '')), { docker: 0.5 })
  phases.exec.print()
  report('stop -t 0, then remove', await each(apiStop), { docker: 0.35 })
  phases.stop.print()
  for (const [{ ask }, id] of running) await text(await ask('DELETE', `/containers/${id}?force=1`))
} finally {
  await rm(bundle, { recursive: true, force: true })
}
