import { closeSync } from 'node:fs'
import { Agent, request, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { text } from 'node:stream/consumers'
import { dockerd, podman } from '../../test/e2e/foreign.js'
import { baseArchive, openEngine } from '../../test/e2e/engine/harness.js'
import { must } from '../../test/run.js'
import { openNull, pipeFrom, spawnProgram } from '../../src/engine/kernel/spawn.js'
import { median, table } from '../figures.js'

/** An engine to be measured: Berth's from dist, or one of those that people use today. */
export interface Rival extends AsyncDisposable {
  readonly name: string
  readonly socket: string
  /** Runs its command (docker's, or podman's). @returns stdout. @throws Error when it ends with another code than 0 */
  readonly cli: (...args: string[]) => Promise<string>
  /** Asks its Docker API on a connection that is kept. @throws Error for an answer of 400 and above */
  readonly ask: (method: string, path: string, body?: object) => Promise<IncomingMessage>
}

type Engine = AsyncDisposable & { readonly socket: string }

function rival(name: string, engine: Engine, command: readonly string[]): Rival {
  const agent = new Agent({ keepAlive: true })
  const [program = '', ...first] = command
  return {
    name,
    socket: engine.socket,
    cli: (...args) => typed(program, [...first, ...args]),
    ask: async (method, path, body) => {
      const headers = body ? { 'Content-Type': 'application/json' } : {}
      const asked = request({ socketPath: engine.socket, agent, method, path: `/v1.41${path}`, headers })
      asked.end(body && JSON.stringify(body))
      const [answer] = (await once(asked, 'response')) as [IncomingMessage]
      if ((answer.statusCode ?? 500) >= 400) throw new Error(`${name}: ${method} ${path}: ${await text(answer)}`)
      return answer
    },
    [Symbol.asyncDispose]: async () => {
      agent.destroy()
      await engine[Symbol.asyncDispose]()
    },
  }
}

/** Runs a command as a shell would, whose fork is small: the benchmark's own costs as much as some of what it measures. */
async function typed(program: string, args: readonly string[]): Promise<string> {
  const [nothing, stdout, stderr] = [openNull(), pipeFrom(), pipeFrom()]
  const env = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/root' }
  const { exited } = spawnProgram('/usr/bin/env', [program, ...args], {
    descriptors: [nothing, stdout.end, stderr.end],
    env,
  })
  for (const fd of [nothing, stdout.end, stderr.end]) closeSync(fd)
  const [code, said, complaint] = await Promise.all([exited, text(stdout.stream), text(stderr.stream)])
  if (code !== 0) throw new Error(`${[program, ...args].join(' ')}: ${complaint}`)
  return said.trim()
}

/** Starts Berth and its rivals, each with the base image. Disposing ends them and leaves nothing. */
export async function openRivals(
  others: readonly ('docker' | 'podman')[] = ['docker', 'podman'],
): Promise<AsyncDisposable & { readonly all: readonly Rival[]; readonly berth: Rival }> {
  const archive = await baseArchive()
  const all: Rival[] = []
  const dispose = async (): Promise<void> => {
    for (const one of all) await one[Symbol.asyncDispose]()
  }
  try {
    const engine = await openEngine({ built: true })
    const docker = ['docker', '-H', `unix://${engine.socket}`]
    const berth = rival('berth', engine, docker)
    all.push(berth)
    for (const name of others) {
      const foreign = await (name === 'docker' ? dockerd : podman)(archive)
      all.push(rival(name, foreign, foreign.command))
    }
    return { all, berth, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

/**
 * Resolves when all that was written is on the disk and the processors have next to nothing to do, after three seconds at
 * the latest: what one rival leaves to be done after its answer (podman's cleanup takes longer than an exec, and the next
 * fsync of anybody writes what all have changed) must not be paid for by the next.
 */
export async function quiet(): Promise<void> {
  await must('sync', [])
  const deadline = performance.now() + 3000
  for (let before = await spent(); performance.now() < deadline;) {
    await delay(50)
    const now = await spent()
    if (now.busy - before.busy <= (now.all - before.all) * 0.05) return
    before = now
  }
}

/** Clock ticks since boot, of all processors; proc_stat(5). */
async function spent(): Promise<{ busy: number; all: number }> {
  const [, ...ticks] = (await readFile('/proc/stat', 'utf8')).split('\n', 1)[0]?.split(/ +/) ?? []
  const all = ticks.slice(0, 8).reduce((sum, text) => sum + Number(text), 0)
  return { busy: all - Number(ticks[3]) - Number(ticks[4]), all }
}

/**
 * Milliseconds that each of `works` took, in turn, `samples` times after some that do not count, each on a quiet machine.
 * A work may answer with milliseconds of its own: those of a part of it.
 */
export async function inTurn(
  works: Readonly<Record<string, () => Promise<unknown>>>,
  samples: number,
  warming = 2,
): Promise<Record<string, number[]>> {
  const took: Record<string, number[]> = Object.fromEntries(Object.keys(works).map((name) => [name, []]))
  for (let sample = -warming; sample < samples; sample++)
    for (const [name, work] of Object.entries(works)) {
      await quiet()
      const since = performance.now()
      const ms = await work()
      if (sample >= 0) took[name]?.push(typeof ms === 'number' ? ms : performance.now() - since)
    }
  return took
}

/** Times the phases of one engine's works. */
export class Phases {
  readonly #what: string
  readonly #took = new Map<string, number[]>()

  constructor(what: string) {
    this.#what = what
  }

  /** Begins with a work. Each call of what it answers with ends a phase. */
  begin(): (phase: string) => void {
    let since = performance.now()
    return (phase) => {
      const now = performance.now()
      this.#took.set(phase, [...(this.#took.get(phase) ?? []), now - since])
      since = now
    }
  }

  /** Prints their medians. */
  print(): void {
    const rows = [...this.#took].map(([phase, list]) => [`  ${phase}`, median(list)])
    console.log(table([[`Berth's phases of ${this.#what}`, 'ms'], ...rows]))
  }
}

/** Prints medians side by side and the ratios of Berth's, and whether they are within their limits. */
export function report(
  what: string,
  took: Readonly<Record<string, readonly number[]>>,
  limits: Readonly<Record<string, number>>,
  unit = 'ms',
): void {
  const own = median(took.berth ?? [])
  const rows = Object.entries(took).map(([name, list]) => {
    const limit = limits[name]
    const ratio = own / median(list)
    const verdict = limit === undefined ? '' : `${ratio <= limit ? 'within' : 'MORE than'} ${limit} x`
    return [name, median(list), Math.min(...list), Math.max(...list), name === 'berth' ? '' : ratio.toFixed(2), verdict]
  })
  console.log(`${what}; medians of ${took.berth?.length ?? 0}, in turn`)
  console.log(table([[unit, 'median', 'min', 'max', 'berth is x', ''], ...rows]))
}
