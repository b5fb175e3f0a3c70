/**
 * What people wait for at the command line: `run --rm`, `exec` and `stop -t 0` with `rm`, beside dockerd and podman in the
 * same run. `npm run bench:cli [-- SAMPLES]`; as root.
 */
import { base } from '../../test/e2e/engine/harness.js'
import { inTurn, openRivals, report, type Rival } from './rivals.js'

const samples = Number(process.argv[2] ?? 15)
await using rivals = await openRivals()
const each = (work: (rival: Rival) => Promise<unknown>) =>
  inTurn(Object.fromEntries(rivals.all.map((rival) => [rival.name, () => work(rival)])), samples)

const limits = ['--memory', '256m', '--cpus', '1', '--pids-limit', '100']
report('run --rm base true', await each(({ cli }) => cli('run', '--rm', ...limits, base, 'true')), { docker: 0.25 })

for (const { cli } of rivals.all) await cli('run', '-d', '--name', 'still', base, 'sleep', '3600')
report('exec true', await each(({ cli }) => cli('exec', 'still', 'true')), { docker: 0.5 })

const stops: Record<string, number[]> = {}
for (let sample = 0; sample < samples; sample++)
  for (const { name, cli } of rivals.all) {
    await cli('run', '-d', '--name', 'going', base, 'sleep', '3600')
    const since = performance.now()
    await cli('stop', '-t', '0', 'going')
    await cli('rm', 'going')
    ;(stops[name] ??= []).push(performance.now() - since)
  }
report('stop -t 0, then rm', stops, { docker: 0.35 })
for (const { cli } of rivals.all) await cli('rm', '-f', 'still')
