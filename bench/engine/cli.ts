/**
 * What people wait for at the command line: `run --rm`, `exec` and `stop -t 0` with `rm`, beside dockerd and podman in the
 * same run; and what the command itself takes, which is in every one of Berth's and docker's. `npm run bench:cli
 * [-- SAMPLES]`; as root.
 */
import { base } from '../../test/e2e/engine/harness.js'
import { inTurn, openRivals, quiet, report, type Rival } from './rivals.js'

const samples = Number(process.argv[2] ?? 15)
await using rivals = await openRivals()
const each = (work: (rival: Rival) => Promise<unknown>) =>
  inTurn(Object.fromEntries(rivals.all.map((rival) => [rival.name, () => work(rival)])), samples)
/** A command whose output does not matter. */
const typed = ({ cli }: Rival, ...args: string[]): Promise<string> => cli(...args)

report('the command alone: --version', await each((rival) => typed(rival, '--version')), {})
const limits = ['--memory', '256m', '--cpus', '1', '--pids-limit', '100']
report('run --rm base true', await each((rival) => typed(rival, 'run', '--rm', ...limits, base, 'true')), {
  docker: 0.25,
})

for (const { cli } of rivals.all) await cli('run', '-d', '--name', 'still', base, 'sleep', '3600')
report('exec true', await each((rival) => typed(rival, 'exec', 'still', 'true')), { docker: 0.5 })

const stop = async ({ cli }: Rival): Promise<number> => {
  await cli('run', '-d', '--name', 'going', base, 'sleep', '3600')
  await quiet()
  const since = performance.now()
  await cli('stop', '-t', '0', 'going')
  await cli('rm', 'going')
  return performance.now() - since
}
report('stop -t 0, then rm', await each(stop), { docker: 0.35 })
for (const { cli } of rivals.all) await cli('rm', '-f', 'still')
