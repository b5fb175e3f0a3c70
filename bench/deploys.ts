/**
 * Deploys under load: h2load asks an app by HTTP/1.1 and, over TLS, by HTTP/2 all the while, and the app is deployed anew 100 times (a
 * config var that its answer has), on a Berth of its own for each data plane. Exits with 1 when any request failed.
 * `npm run bench:deploys [-- [count] [plane…]]`, as root; needs h2load, and HAProxy for its plane.
 */
import { startInstance } from '../test/e2e/instance.js'
import { freePort } from '../test/free.js'
import { run } from '../test/run.js'
import { quantile, table } from './figures.js'
import { untilAnswers } from './live.js'
import { openStage, settle } from './stage.js'

const words = process.argv.slice(2)
const count = Number(words.find((word) => /^\d+$/.test(word)) ?? 100)
const named = words.filter((word) => /^[a-z]/.test(word))
/** Clients of each kind, and requests a second of each client: as many as leave the machine room to deploy. */
const [clients, perSecond] = [8, 10]

const kinds = ['HTTP/1.1', 'HTTP/2 over TLS']

/** What became of requests. */
interface Tally {
  readonly asked: number
  /** Answered with 200. */
  readonly well: number
}

/** Asks in rounds until the signal, and says of each round that was not all well what h2load said. */
async function loadUntil(over: AbortSignal, args: readonly string[]): Promise<Tally> {
  const requests = clients * perSecond * 5
  const load = ['-n', String(requests), '-c', String(clients), '-t', '1', `--rps=${String(perSecond)}`, ...args]
  let [asked, well] = [0, 0]
  while (!over.aborted) {
    const { stdout, stderr } = await run('h2load', load, { timeoutMs: 120_000 })
    const answered = Number(/(\d+) 2xx/.exec(stdout)?.[1] ?? 0)
    if (answered !== requests) console.log(`${stdout}${stderr}`)
    asked += requests
    well += answered
  }
  return { asked, well }
}

async function measure(plane: string): Promise<boolean> {
  const [http, https] = [await freePort(), await freePort()]
  const settings = { BERTH_ROUTER: plane, BERTH_HTTP_PORT: String(http), BERTH_HTTPS_PORT: String(https) }
  await using berth = await startInstance({ settings })
  process.env.BERTH_CONFIG_DIR = berth.env.BERTH_CONFIG_DIR
  await using stage = await openStage('deploys')
  const { client, app, url } = stage
  const over = new AbortController()
  const loads = Promise.all([
    loadUntil(over.signal, ['--h1', `--connect-to=127.0.0.1:${String(http)}`, `http://${url.host}/`]),
    loadUntil(over.signal, [`--connect-to=127.0.0.1:${String(https)}`, `https://${url.hostname}:${String(https)}/`]),
  ])
  const times: number[] = []
  for (let deploy = 1; deploy <= count; deploy++) {
    const greeting = `Hello of deploy ${String(deploy)}!`
    const began = performance.now()
    await settle(client, (await client.config.change({ app, set: { GREETING: greeting } })).id)
    await untilAnswers(url, greeting)
    times.push(performance.now() - began)
  }
  over.abort()
  const tallies = await loads
  console.log(`${plane}: ${String(count)} deploys, ms each`)
  console.log(table([['p50', 'p95', 'max'], [0.5, 0.95, 1].map((q) => quantile(times, q))]))
  const rows = tallies.map(({ asked, well }, at) => [kinds[at] ?? '', String(asked), String(asked - well)])
  console.log(table([['', 'requests', 'failed'], ...rows]))
  return tallies.every(({ asked, well }) => asked === well)
}

let allWell = true
for (const plane of named.length > 0 ? named : ['node', 'haproxy']) if (!(await measure(plane))) allWell = false
process.exitCode = allWell ? 0 : 1
