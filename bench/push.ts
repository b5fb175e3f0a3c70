/**
 * Push to live: one changed line in a copy of examples/hello-node, from the start of `git push` until the new version
 * answers through the router. `npm run bench:push [-- [count]]`, as whoever ran `bin/up`, or with BERTH_URL, BERTH_TOKEN.
 */
import { Agent, get } from 'node:http'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { text } from 'node:stream/consumers'
import type { IncomingMessage } from 'node:http'
import { connectOptions } from '../src/api/client/http.js'
import { median, quantile, table } from './figures.js'
import { openStage } from './stage.js'

const count = Number(process.argv[2] ?? 7)
await using stage = await openStage('bench-push')
const agent = new Agent({ keepAlive: true })

async function answer(): Promise<string> {
  const outgoing = get({ ...connectOptions(stage.url), agent })
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  return text(response)
}

/** Asks every 10 ms: without a pause the asking would take the processors from what it measures. */
async function untilAnswers(greeting: string): Promise<void> {
  while (!(await answer()).includes(greeting)) await sleep(10)
}

const live: number[] = []
const over: number[] = []
const steps = new Map<string, number[]>()
const note = (step: string, ms: number) => steps.set(step, [...(steps.get(step) ?? []), ms])

for (let i = 1; i <= count; i++) {
  await stage.change(`${i}!`)
  const began = performance.now()
  const pushing = stage.push().then((lines) => ({ lines, ms: performance.now() - began }))
  const answering = untilAnswers(`Hello ${i}!`).then(() => performance.now() - began)
  // a push that fails ends the wait for its version
  const [{ lines, ms }, liveAfter] = await Promise.all([pushing, answering])
  live.push(liveAfter)
  over.push(ms)
  // a step lasts until the next one begins; what a version or a size varies in is one step all the same
  const marks = lines.filter((line) => line.text.startsWith('----->'))
  note('git: connect, send the pack', marks[0]?.at ?? ms)
  marks.forEach((mark, at) =>
    note(mark.text.slice(7).replace(/\d[\d.]*(s|ms| ?[kM]i?B)?/g, '#'), (marks[at + 1]?.at ?? ms) - mark.at),
  )
}
agent.destroy()

console.log(`${count} pushes of one changed line`)
console.log(
  table([
    ['ms', 'median', 'min', 'max'],
    ...[
      ...steps,
      ['push begins -> new version answers', live] as const,
      ['push begins -> git push ends', over] as const,
    ].map(([what, list]) => [what, median(list), quantile(list, 0), quantile(list, 1)]),
  ]),
)
const limit = 1500
console.log(median(live) <= limit ? `within ${limit} ms` : `MORE than ${limit} ms`)
