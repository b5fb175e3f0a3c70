import Docker from 'dockerode'
import { Agent } from 'node:http'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ContainerRecord } from '../../../src/engine/containers/record.js'
import { archive } from '../../engine/images/lab.js'
import { checkRoot } from '../engine/check-lab.js'
import { base, eventually, openEngine, type TestEngine } from '../engine/harness.js'
import { makeImage, openRegistry } from '../engine/registry-lab.js'
import { inventory, measure, unsound } from './invariants.js'
import { Ledger } from './ledger.js'
import { random, type Random } from './random.js'
import { filled, lanes, type Stage } from './script.js'

/** How a life of the engine ends: its daemon is killed, or the machine goes down under it. */
export type Death = 'daemon' | 'machine'

/** An engine that works on a script and is killed again and again. */
export interface CrashRig extends AsyncDisposable {
  readonly engine: TestEngine
  /** Steps of the script that were answered. */
  readonly done: number
  /** Lets the script run, kills, starts again, and looks. @returns what is wrong */
  round(death: Death, longestMs: number): Promise<string[]>
  /** Verifies every byte, with the engine stopped. @returns what is wrong */
  verify(): Promise<string[]>
}

export async function openRig(seed: number): Promise<CrashRig> {
  const engine = await openEngine()
  const chance = random(seed)
  const delays = chance.fork('delays')
  const registry = await openRegistry(engine)
  const ledger = new Ledger()
  let done = 0
  let number = 0
  // a connection kept alive would be one to the engine before
  const connect = (): Docker => {
    const options = { socketPath: engine.socket, agent: new Agent({ keepAlive: false }) }
    return new Docker(options)
  }
  const remote = await stock(engine, registry.host)
  const packed = await pack(engine)
  for (const name of ['fixed-1', 'fixed-2']) await engine.must('network', 'create', name)
  await engine.must('run', '--rm', '-v', `whole:${filled}`, base, 'true')
  const whole = measure(join(engine.dir, 'root/volumes/whole/_data'))
  ledger.settle((await inventory(connect())).things)

  /** Runs all lanes until the engine is gone; what fails before is the engine's fault. */
  const work = async (after: number, kill: () => Promise<unknown>): Promise<string[]> => {
    let killed = false
    const faults: string[] = []
    const lane = async (name: string, random: Random): Promise<void> => {
      const docker = connect()
      const stage: Stage = { docker, ledger, random, name, remote, packed, next: () => ++number }
      try {
        for (; ; done++) await lanes[name]?.(stage)
      } catch (error) {
        if (!killed) faults.push(`${name}: ${String(error)}`)
      }
    }
    const all = Object.keys(lanes).map((name) => lane(name, chance.fork(`${name} ${number}`)))
    await sleep(after)
    killed = true
    await kill()
    // dockerode never settles an answer of JSON that broke off
    await Promise.race([Promise.all(all), sleep(500)])
    return faults
  }

  return {
    engine,
    get done() {
      return done
    },
    round: async (death, longestMs) => {
      let pids = new Map<string, number>()
      const wrong = await work(delays.below(longestMs), async () => {
        await engine.stop('SIGKILL')
        pids = recorded(join(engine.dir, 'root/containers'))
        if (death === 'machine') await powerOff(engine)
      })
      const sure = new Set(ledger.names('running'))
      await engine.boot()
      const docker = connect()
      const now = await inventory(docker)
      if (death === 'machine') for (const name of sure) ledger.doubt(`running ${name}`)
      else
        for (const [name, pid] of pids)
          if (sure.has(name) && now.pids.get(name) !== pid)
            wrong.push(`${name} ran as ${pid}, and now as ${String(now.pids.get(name))}`)
      wrong.push(...ledger.settle(now.things))
      // what an engine does by itself once it has started
      let left: string[] = []
      await eventually(async () => (left = await unsound(engine, docker, whole)).length === 0, 'peace').catch(
        () => undefined,
      )
      ledger.settle((await inventory(docker)).things)
      return [...wrong, ...left]
    },
    verify: async () => {
      await engine.stop('SIGTERM')
      const { report } = await checkRoot(join(engine.dir, 'root'))
      await engine.boot()
      return report.findings.map(({ kind, what, problem }) => `${kind}: ${what}: ${problem}`)
    },
    [Symbol.asyncDispose]: async () => {
      await engine[Symbol.asyncDispose]()
      await registry[Symbol.asyncDispose]()
    },
  }
}

/** First processes of the containers that run by their records. */
function recorded(containers: string): Map<string, number> {
  const pids = new Map<string, number>()
  for (const id of readdirSync(containers)) {
    const path = join(containers, id, 'container.json')
    if (!existsSync(path)) continue
    const { name, state } = JSON.parse(readFileSync(path, 'utf8')) as ContainerRecord
    if (state.status === 'running') pids.set(name, state.pid)
  }
  return pids
}

/** What is lost with the power: every process, what the kernel holds, and the directory that is in memory. */
async function powerOff(engine: TestEngine): Promise<void> {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      if (readFileSync(`/proc/${entry}/cgroup`, 'utf8').includes(`/berth-${engine.name}/`))
        process.kill(Number(entry), 9)
      else if (readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes(`${engine.dir}/run/`))
        process.kill(Number(entry), 9)
    } catch {
      // it has just ended
    }
  }
  await engine.destroy()
  await rm(join(engine.dir, 'run'), { recursive: true, force: true })
}

/** Puts images of two layers at a registry. */
async function stock(engine: TestEngine, host: string): Promise<string[]> {
  const names = ['one', 'two', 'three'].map((word) => `${host}/${word}:1`)
  for (const name of names) {
    await makeImage(engine, 'lower', `${name} `.repeat(100_000))
    const context = archive([{ name: 'Dockerfile', content: `FROM lower\nCOPY Dockerfile /${name.slice(-5, -2)}\n` }])
    const built = await engine.with({ input: context }, 'build', '-q', '-t', name, '-')
    if (built.code !== 0) throw new Error(built.stderr)
    await engine.must('push', '-q', name)
    await engine.must('rmi', '-f', name, 'lower')
  }
  await engine.must('builder', 'prune', '-af')
  return names
}

/** An archive of an image that the engine then has not. */
async function pack(engine: TestEngine): Promise<{ name: string; bytes: Buffer }> {
  const name = 'packed:1'
  await makeImage(engine, name, 'packed '.repeat(200_000))
  await engine.must('save', '-o', join(engine.dir, 'packed.tar'), name)
  await engine.must('rmi', name)
  return { name, bytes: await readFile(join(engine.dir, 'packed.tar')) }
}
