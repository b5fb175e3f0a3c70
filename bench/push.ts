/**
 * Push to live: one changed line in a copy of examples/hello-node, from the start of `git push` until the new version
 * answers through the router; the same tree once more; 2,000 files of 50 MB; a history of 10,000 files; an app's first deploy;
 * and beside them a push to a bare repository, the app's own start, and `docker build` with `docker run`, each on a machine
 * that is as quiet as it gets.
 * `npm run bench:push [-- [count] [--small]]`, as root who ran `bin/up`; `--small` leaves out the large ones and the rival.
 */
import { loadConfig } from '../src/config.js'
import { openBareGit } from './bare-git.js'
import { barsTable, boot, timed, Took, untilAnswers } from './live.js'
import { openPushRival } from './push-rival.js'
import { openStage, type Line, type Stage } from './stage.js'

const count = Number(process.argv.slice(2).find((arg) => /^\d+$/.test(arg)) ?? 10)
const small = process.argv.includes('--small')
const took = new Took()
const note = (what: string, ms: number) => took.note(what, ms)
const of = (what: string) => took.of(what)
let version = 0

/** From the start of `git push` until the new version answers. */
async function pushToLive(what: string, stage: Stage): Promise<readonly Line[]> {
  const greeting = `${String((version += 1))}!`
  await stage.change(greeting)
  const { value: lines } = await timed(async () => {
    const began = performance.now()
    const live = untilAnswers(stage.url, `Hello ${greeting}`).then(() => note(what, performance.now() - began))
    const [said] = await Promise.all([stage.push(), live])
    return said
  })
  return lines
}

/** Milliseconds from the first of the log's steps to the second. */
const between = (lines: readonly Line[], first: string, second: string): number => {
  const at = (step: string) => lines.find((line) => line.text.includes(step))?.at ?? NaN
  return at(second) - at(first)
}

await using bare = await openBareGit()
await using one = await openStage('bench-push')
await using rival = small ? null : await openPushRival(one.dir, loadConfig().engineSocket)
await one.push(bare.url)
await rival?.deploy(one.dir)

for (let i = 1; i <= count; i++) {
  const lines = await pushToLive('one line', one)
  note('the build', between(lines, '-----> Building', '-----> Launching'))
  note('git alone', (await timed(() => one.push(bare.url))).ms)
  note('the app starts', await boot(one))
  await rival?.clear()
  if (rival) {
    const url = new URL(`http://${rival.address()}:5000`)
    const greeting = `Hello ${String(version)}!`
    note('docker', (await timed(() => rival.deploy(one.dir).then(() => untilAnswers(url, greeting, 1)))).ms)
  }
  await one.repeat()
  note('the same tree: git alone', (await timed(() => one.push(bare.url))).ms)
  note('the same tree', (await timed(() => one.push())).ms)
}
for (let i = 1; i <= count; i++) {
  await using fresh = await openStage('bench-first', { deployed: false })
  await pushToLive('the first deploy', fresh)
}
if (!small)
  for (const [what, contents] of [
    ['2,000 files, 50 MB', { files: 2_000 }],
    ['a history of 10,000 files', { history: 10_000 }],
  ] as const) {
    await using stage = await openStage('bench-push', contents)
    for (let i = 1; i <= count; i++) {
      await pushToLive(what, stage)
      await pushToLive('one line, in turn with these', one)
    }
  }

console.log(`medians of ${String(count)}`)
console.log(took.table())
const live = of('one line')
const share = live - of('git alone') - of('the build') - of('the app starts')
const bars: (readonly [what: string, value: number, most: number])[] = [
  ['one line, ms', live, 250],
  ["Berth's share of it, ms", share, 100],
  ['the first deploy, s', of('the first deploy') / 1000, 5],
  ['the same tree over git alone, ms', of('the same tree') - of('the same tree: git alone'), 60],
]
if (rival) bars.push(['one line, x docker', live / of('docker'), 0.15])
if (!small)
  for (const what of ['2,000 files, 50 MB', 'a history of 10,000 files'])
    bars.push([`${what}, x one line`, of(what) / of('one line, in turn with these'), 1.2])
console.log()
console.log(barsTable(bars))
