/**
 * Fifty idle containers with a published port each, beside dockerd and podman in the same run: how long they take to start
 * one after the other over the API, and what they, and the daemon by itself, take of memory.
 * `npm run bench:many [-- SAMPLES]`; as root.
 */
import { dirname } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { base } from '../../test/e2e/engine/harness.js'
import { memoryOf } from './memory.js'
import { openRivals, Phases, quiet, report, type Rival } from './rivals.js'

const samples = Number(process.argv[2] ?? 15)
const many = 50

await using rivals = await openRivals()
const memory = ({ socket }: Rival): number => memoryOf(dirname(socket))

const phases = { berth: new Phases('a container'), none: new Phases('a rival') }

async function start({ name, ask }: Rival): Promise<string> {
  const note = phases[name === 'berth' ? 'berth' : 'none'].begin()
  const host = { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] }, PidsLimit: 100 }
  const body = { Image: base, Cmd: ['sleep', '3600'], ExposedPorts: { '80/tcp': {} }, HostConfig: host }
  const { Id } = JSON.parse(await text(await ask('POST', '/containers/create', body))) as { Id: string }
  note('create')
  await text(await ask('POST', `/containers/${Id}/start`))
  note('start')
  return Id
}

const took: Record<string, number[]> = {}
const full: Record<string, number[]> = {}
for (let sample = 0; sample < samples; sample++)
  for (const rival of rivals.all) {
    await quiet()
    const since = performance.now()
    const ids: string[] = []
    for (let n = 0; n < many; n++) ids.push(await start(rival))
    ;(took[rival.name] ??= []).push(performance.now() - since)
    ;(full[rival.name] ??= []).push(memory(rival))
    for (const id of ids) await text(await rival.ask('DELETE', `/containers/${id}?force=1`))
  }
report(`${String(many)} containers started, each with a published port`, took, { docker: 0.25 })
phases.berth.print()
report('with them, the daemon included', full, { docker: 0.4 }, 'MiB of PSS')
// threads that have nothing to do end after a minute
await delay(70_000)
const idle = Object.fromEntries(rivals.all.map((rival) => [rival.name, [memory(rival)]]))
report('the daemon after a minute of nothing, at most 60 for Berth', idle, {}, 'MiB of PSS')
