/**
 * One changed line, lock file unchanged: how long the build of a push takes, with the instance's network cut, beside what the
 * language's own tools take for the same change outside a container: with the same toolchain, laid out in a directory. At
 * most 1.5 times; no dependency step runs, and nothing is asked of the network.
 * `npm run bench:incremental [-- COUNT] [EXAMPLE...]`; as root, on a machine with nothing else to do.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { detect } from '../src/buildpacks/detect.js'
import { directoryTree } from '../src/buildpacks/tree.js'
import { createApp, startInstance, type Instance, type Repository } from '../test/e2e/instance.js'
import { cutNetwork } from '../test/e2e/stacks/cut.js'
import { quiet } from './engine/rivals.js'
import { median } from './figures.js'
import { cases, type Case } from './incremental/cases.js'
import { openOutside } from './incremental/outside.js'

const bar = 1.5
const words = process.argv.slice(2)
const count = Number(words.find((word) => /^\d+$/.test(word)) ?? 10)
const asked = words.filter((word) => !/^\d+$/.test(word))

/** What a push said, and how long it was between the first word about the build and the first about what follows. */
interface Push {
  readonly said: string
  readonly buildMs: number
}

/** @throws Error with everything it said when it fails */
async function push(berth: Instance, { dir }: Repository): Promise<Push> {
  const env = { ...berth.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0' }
  const child = spawn('git', ['push', 'berth', 'main'], { cwd: dir, env, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  const at = new Map<string, number>()
  createInterface(child.stderr).on('line', (line) => {
    said += `${line}\n`
    const step = /-----> (Building|Launching)/.exec(line)?.[1]
    if (step !== undefined && !at.has(step)) at.set(step, performance.now())
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(said)
  return { said, buildMs: (at.get('Launching') ?? NaN) - (at.get('Building') ?? NaN) }
}

/** @returns medians of `count`, ms. @throws Error when a build did what it was not to do */
async function measure(berth: Instance, one: Case): Promise<readonly [ours: number, own: number]> {
  const repo = await berth.example(one.example)
  const app = await createApp(berth, repo, 'incremental')
  await push(berth, repo)
  const { dockerfile } = detect(directoryTree(repo.dir), {})
  await using outside = await openOutside(berth, /^FROM (\S+)/m.exec(dockerfile)?.[1] ?? '', one)
  const text = await readFile(join(repo.dir, one.file), 'utf8')
  const ours: number[] = []
  const own: number[] = []
  for (let i = 1; i <= count; i++) {
    const changed = text.replace('Hello', `Hi${String(i)}`)
    await repo.commit({ [one.file]: changed })
    await using cut = await cutNetwork(berth)
    await quiet()
    const { said, buildMs } = await push(berth, repo)
    const packets = await cut.asked()
    if (one.dependencies.test(said)) throw new Error(`a dependency step ran:\n${said}`)
    if (packets > 0) throw new Error(`it asked the network ${String(packets)} times:\n${said}`)
    const { body } = await berth.curl(app, '/')
    if (!body.includes(`Hi${String(i)}`)) throw new Error(`it answers ${body}`)
    ours.push(buildMs)
    await quiet()
    own.push(await outside.build(one.file, changed))
  }
  return [median(ours), median(own)]
}

await using berth = await startInstance()
console.log(`medians of ${String(count)}; at most ${String(bar)} times`)
console.log(`${'ms'.padEnd(20)}${['build', 'its own', 'times'].map((word) => word.padStart(10)).join('')}`)
for (const one of cases.filter(({ example }) => asked.length === 0 || asked.includes(example))) {
  const [ours, own] = await measure(berth, one)
  const times = ours / own
  if (!(times <= bar)) process.exitCode = 1
  const cells = [ours.toFixed(0), own.toFixed(0), times.toFixed(2)].map((cell) => cell.padStart(10))
  console.log(`${one.example.padEnd(20)}${cells.join('')}${times <= bar ? '' : ' !'}`)
}
