import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectOptions } from '../src/api/client/http.js'
import { freePort } from '../test/free.js'
import { quiet } from './engine/rivals.js'
import { median, quantile, table } from './figures.js'
import type { Stage } from './stage.js'

/** Resolves when it answers with a greeting. Asks every few ms: without a pause the asking would take the processors from what it measures. */
export async function untilAnswers(url: URL, greeting: string, pause = 10): Promise<void> {
  const agent = new Agent({ keepAlive: true })
  const answer = async (): Promise<string> => {
    const outgoing = get({ ...connectOptions(url), agent })
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    return text(response)
  }
  while (!(await answer().catch(() => '')).includes(greeting)) await sleep(pause)
  agent.destroy()
}

/** Milliseconds of work that begins when the machine is quiet. */
export async function timed<T>(work: () => Promise<T>): Promise<{ value: T; ms: number }> {
  await quiet()
  const began = performance.now()
  return { value: await work(), ms: performance.now() - began }
}

/** How long the app takes to answer when nothing but Node.js starts it. Milliseconds. */
export async function boot({ dir }: Pick<Stage, 'dir'>): Promise<number> {
  const port = await freePort()
  const url = new URL(`http://127.0.0.1:${String(port)}`)
  await quiet()
  const began = performance.now()
  const child = spawn(process.execPath, ['server.js'], { cwd: dir, env: { PORT: String(port) }, stdio: 'ignore' })
  await untilAnswers(url, 'Hello', 1)
  const ms = performance.now() - began
  child.kill('SIGKILL')
  await once(child, 'exit')
  return ms
}

/** What several things took, each several times. */
export class Took {
  readonly #all = new Map<string, number[]>()

  note(what: string, ms: number): void {
    this.#all.set(what, [...(this.#all.get(what) ?? []), ms])
  }

  of(what: string): number {
    return median(this.#all.get(what) ?? [])
  }

  table(): string {
    const rows = [...this.#all].map(([what, list]) => [what, median(list), quantile(list, 0), quantile(list, 1)])
    return table([['ms', 'median', 'min', 'max'], ...rows])
  }
}

/** What is, beside what it may be at most. */
export const barsTable = (bars: readonly (readonly [what: string, is: number, most: number])[]): string =>
  table([['', 'is', 'at most'], ...bars.map(([what, is, most]) => [what, is.toFixed(2), String(most)])])
