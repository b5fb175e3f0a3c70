import Docker from 'dockerode'
import { Agent } from 'node:http'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ContainerRecord } from '../../../src/engine/containers/record.js'
import { archive } from '../../engine/images/lab.js'
import { checkRoot } from '../engine/check-lab.js'
import { base, eventually, openEngine, type TestEngine } from '../engine/harness.js'
import { makeImage, openRegistry } from '../engine/registry-lab.js'
import { type Disk, mountings, openDisk } from './disk.js'
import { inventory, measure, unsound } from './invariants.js'
import { Ledger } from './ledger.js'
import { comeUp, goDown } from './machine.js'
import { random, type Random } from './random.js'
import { changing, comesBack, filled, lanes, type Stage } from './script.js'

/** How a life of the engine ends: its daemon is killed, or the machine under it loses its power. */
export type Death = 'daemon' | 'power'

/** As long as a step may take that nobody disturbs. */
const patienceMs = 5_000

/** In this time an engine has begun to serve. */
const longestStartMs = 1_000

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

/** Disposing leaves nothing, whatever has failed. */
export async function openRig(seed: number): Promise<CrashRig> {
  let disk: Disk | undefined
  const engine = await openEngine({
    mute: process.env.BERTH_TEST_LOUD === undefined,
    under: async (root) => (disk = await openDisk(root)),
  })
  try {
    if (!disk) throw new Error('the engine has no disk')
    return await rigOn(engine, disk, seed)
  } catch (error) {
    await engine[Symbol.asyncDispose]()
    throw error
  }
}

async function rigOn(engine: TestEngine, disk: Disk, seed: number): Promise<CrashRig> {
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

  /** Runs lanes until the engine is gone; what fails before is the engine's fault. */
  const work = async (names: readonly string[], moment: Promise<unknown>, kill: () => Promise<unknown>) => {
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
    const all = names.map((name) => lane(name, chance.fork(`${name} ${number}`)))
    await moment
    killed = true
    await kill()
    // dockerode never settles an answer of JSON that broke off
    await Promise.race([Promise.all(all), sleep(500)])
    return faults
  }

  /**
   * At any moment of all lanes; or with one alone, whose missing sync no other makes good, just when it has been answered.
   */
  const cut = (longestMs: number): Promise<string[]> => {
    const mounting = delays.of(mountings)
    const [names, moment] =
      delays.below(2) === 0
        ? [Object.keys(lanes), sleep(delays.below(longestMs))]
        : [
            [delays.of(Object.keys(changing))],
            sleep(delays.below(longestMs / 4)).then(() => Promise.race([ledger.answered(), sleep(patienceMs)])),
          ]
    return work(names, moment, () => goDown(engine, disk, mounting))
  }

  /** A start that does not come to its end: what it began to mend it has mended by halves. */
  const startInVain = async (death: Death): Promise<void> => {
    const start = engine.boot().catch(() => undefined)
    await sleep(delays.below(longestStartMs))
    await (death === 'power' ? goDown(engine, disk, delays.of(mountings)) : engine.stop('SIGKILL'))
    await start
  }

  return {
    engine,
    get done() {
      return done
    },
    round: async (death, longestMs) => {
      let pids = new Map<string, number>()
      const wrong = await (death === 'power'
        ? cut(longestMs)
        : work(Object.keys(lanes), sleep(delays.below(longestMs)), async () => {
            await engine.stop('SIGKILL')
            pids = recorded(join(engine.dir, 'root/containers'))
          }))
      const sure = ledger.names('running')
      if (delays.below(4) === 0) await startInVain(death)
      await engine.boot()
      const docker = connect()
      if (death === 'power') {
        for (const name of sure) if (!comesBack(name)) ledger.doubt(`running ${name}`)
        const due = sure.filter(comesBack)
        await eventually(async () => {
          const { pids } = await inventory(docker)
          return due.every((name) => pids.has(name))
        }, 'coming back').catch(() => undefined)
      }
      const now = await inventory(docker)
      for (const [name, pid] of pids)
        if (sure.includes(name) && now.pids.get(name) !== pid)
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
      try {
        if (disk.isCut) await comeUp(engine, disk)
      } finally {
        await Promise.all([engine[Symbol.asyncDispose](), registry[Symbol.asyncDispose]()])
      }
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
