/**
 * Changes without git, until they are live: `config:set` and `rollback` of a copy of examples/hello-node, from the request until the
 * app answers by them, and `berth deploy` of a directory of 2,000 files and 50 MB with one line changed, from the start of the command.
 * Beside them, in the same run, the app's own start.
 * `npm run bench:changes [-- [count]]`, as root who ran `bin/up`.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { must } from '../test/run.js'
import { barsTable, boot, timed, Took, untilAnswers } from './live.js'
import { openStage, settle, type Stage } from './stage.js'

const count = Number(process.argv.slice(2).find((arg) => /^\d+$/.test(arg)) ?? 10)
const berth = fileURLToPath(new URL('../bin/berth', import.meta.url))
const took = new Took()

/** From the start of what changes the app until it answers so; what it resolves with is awaited after that. */
async function live(what: string, { url }: Stage, greeting: string, begin: () => Promise<unknown>): Promise<void> {
  const { ms } = await timed(async () => {
    const began = performance.now()
    const answers = untilAnswers(url, greeting).then(() => took.note(what, performance.now() - began))
    await Promise.all([begin(), answers])
  })
  took.note(`${what}, to its end`, ms)
}

async function changeLine({ dir }: Stage, greeting: string): Promise<void> {
  const file = join(dir, 'server.js')
  await writeFile(file, (await readFile(file, 'utf8')).replace(/'Hello[^']*'/, `'${greeting}'`))
}

{
  await using stage = await openStage('bench-changes')
  const { client, app } = stage
  const settled = async ({ id }: { readonly id: string }): Promise<void> => settle(client, id)
  for (let i = 1; i <= count; i++) {
    const greeting = `Hello of config vars ${String(i)}!`
    await live('config:set', stage, greeting, async () =>
      settled(await client.config.change({ app, set: { GREETING: greeting } })),
    )
    took.note('the app starts', await boot(stage))
  }
  await settled(await client.config.change({ app, unset: ['GREETING'] }))
  const current = async (): Promise<number> =>
    Math.max(...(await client.releases.list({ app })).map((one) => one.version))
  const one = await current()
  await stage.change('again')
  await stage.push()
  const two = await current()
  for (let i = 1; i <= count; i++)
    for (const [version, greeting] of [
      [one, 'Hello 0'],
      [two, 'Hello again'],
    ] as const)
      await live('rollback', stage, greeting, async () => settled(await client.releases.rollback({ app, version })))
}
{
  await using stage = await openStage('bench-deploy', { files: 2_000 })
  const deploy = (): Promise<string> => must(berth, ['deploy', stage.dir, '--app', stage.app])
  await changeLine(stage, 'Hello first')
  await deploy()
  for (let i = 1; i <= count; i++) {
    const greeting = `Hello by deploy ${String(i)}!`
    await changeLine(stage, greeting)
    await live('berth deploy, 50 MB', stage, greeting, deploy)
  }
}

console.log(`medians of ${String(count)}`)
console.log(took.table())
const start = took.of('the app starts')
console.log()
console.log(
  barsTable([
    ["config:set over the app's start, ms", took.of('config:set') - start, 150],
    ["rollback over the app's start, ms", took.of('rollback') - start, 150],
    ['berth deploy of 50 MB with one line changed, ms', took.of('berth deploy, 50 MB'), 500],
  ]),
)
