/**
 * Redeploys under load: 200 requests a second through the router, open loop, while the app is deployed anew 20 times.
 * Exits with 1 when any request failed. `npm run bench:redeploy [-- [count] [--push]]`, as whoever ran `bin/up`, or with
 * BERTH_URL and BERTH_TOKEN; `--push` pushes one changed line each time instead of restarting.
 */
import { quantile, table } from './figures.js'
import { underLoad } from './load.js'
import { openStage, settle } from './stage.js'

const perSecond = 200
const pushes = process.argv.includes('--push')
const count = Number(process.argv.slice(2).find((arg) => /^\d+$/.test(arg)) ?? 20)

await using stage = await openStage('bench-redeploy')
const times: number[] = []
const { sent, latencies, failures, bodies } = await underLoad(stage.url, perSecond, async () => {
  for (let i = 1; i <= count; i++) {
    if (pushes) await stage.change(String(i))
    const began = performance.now()
    if (pushes) await stage.push()
    else await settle(stage.client, (await stage.client.processes.restart({ app: stage.app })).id)
    times.push(performance.now() - began)
  }
})

const row = (what: string, list: readonly number[]) => [what, ...[0.5, 0.95, 0.99, 1].map((q) => quantile(list, q))]
console.log(`${count} ${pushes ? 'pushes' : 'restarts'} at ${perSecond} requests a second`)
console.log(table([['ms', 'p50', 'p95', 'p99', 'max'], row('request', latencies), row('redeploy', times)]))
console.log(`${sent} requests, ${failures.length} failed, ${bodies.length} different answers`)
for (const failure of failures.slice(0, 20)) console.log(`  ${failure}`)
const unseen = pushes && bodies.length !== count + 1
if (unseen) console.log('  not every version was seen')
process.exitCode = failures.length > 0 || unseen ? 1 : 0
