/**
 * Whether the 1,000th container, and its published port, takes longer than the first: starts a thousand that stay, and
 * compares medians of the first and the last fifteen. `npm run bench:thousand [-- COUNT NETWORKS]`; as root.
 */
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { base } from '../../test/e2e/engine/harness.js'
import { median, table } from '../figures.js'
import { openRivals, quiet } from './rivals.js'

const count = Number(process.argv[2] ?? 1000)
const compared = 45
/** A bridge slows down with its ports, and has 1,024 at most. */
const networks = Number(process.argv[3] ?? 10)
/** The first on a network has its bridge made; the engine has run some code often enough after as many. */
const warming = Math.max(networks, 10)
/** Milliseconds after which the kernel has done what many starts and ends leave to it. */
const settling = 10_000

await using rivals = await openRivals([])
const { ask } = rivals.berth
const post = async (path: string, body?: object): Promise<{ Id: string }> =>
  JSON.parse((await text(await ask('POST', path, body))) || '{}') as { Id: string }

// as many apps as there are networks, for each has its own
for (let n = 0; n < networks; n++)
  await post('/networks/create', {
    Name: `net${String(n)}`,
    IPAM: { Config: [{ Subnet: `172.31.${String(n * 8)}.0/21` }] },
  })
const starts: number[] = []
const ports: number[] = []
for (let n = 0; n < count; n++) {
  const plain = {
    Image: base,
    Cmd: ['sleep', '36000'],
    HostConfig: { NetworkMode: `net${String(n % networks)}`, PidsLimit: 100 },
  }
  const measured = (n >= warming && n < warming + compared) || n >= count - compared
  if (n === warming || n === count - compared) await delay(settling)
  if (measured) await quiet()
  const since = performance.now()
  const { Id } = await post('/containers/create', plain)
  await post(`/containers/${Id}/start`)
  if (!measured) continue
  starts.push(performance.now() - since)
  const published = { ...plain.HostConfig, PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } }
  await quiet()
  const between = performance.now()
  const other = await post('/containers/create', { ...plain, ExposedPorts: { '80/tcp': {} }, HostConfig: published })
  await post(`/containers/${other.Id}/start`)
  ports.push(performance.now() - between)
  await text(await ask('DELETE', `/containers/${other.Id}?force=1`))
}
const row = (what: string, list: readonly number[]): (string | number)[] => {
  const [first, last] = [median(list.slice(0, compared)), median(list.slice(-compared))]
  const ratio = last / first
  return [what, first, last, ratio.toFixed(2), ratio <= 1.2 ? 'within 1.2 x' : 'MORE than 1.2 x']
}
console.log(`create and start, ms; medians of ${String(compared)}`)
console.log(
  table([
    ['', 'first', `of ${String(count)}`, 'x', ''],
    row('a container', starts),
    row('one with a published port', ports),
  ]),
)
