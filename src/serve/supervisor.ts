import { chownSync } from 'node:fs'
import { copyFile, stat, truncate } from 'node:fs/promises'
import { orMissing } from '../lib/missing.js'
import type { Config } from '../config.js'
import { BerthError, is, messageOf } from '../errors.js'
import { collectWhenQuiet } from '../lib/quiet.js'
import { Child, type ChildEvents } from './child.js'
import { makeGitGroup, type GitGroup } from './git-group.js'
import { lockFile, pidsFile, runnable, supervisorName, tellRunning } from './instance.js'
import { layOut } from './layout.js'
import { tryLock } from './lock.js'
import { endProcess, gone, Pids, signalProcess, type Pid } from './pids.js'
import { planeName, planeProgram } from './plane.js'
import type { PlaneProgram } from '../plugins/kinds/router.js'
import { listening, specs, type Listeners, type Listening } from './processes.js'
import {
  inheritDatagrams,
  inheritListener,
  openDatagrams,
  openListener,
  openUnixListener,
  type HeldListener,
} from './socket.js'
import { findStrays } from './strays.js'
import { ensureUser, type ServiceAccount } from './user.js'

const maxLogBytes = 20_000_000
/** Long enough for the router to drain and the worker to reach a safe point. */
const graceMs = 35_000
/** Who has a listening socket: who accepts from it, and who holds it for when that one is killed. */
const holders: Readonly<Record<Listening, readonly string[]>> = {
  router: ['router', 'worker', 'api'],
  api: ['api', 'worker'],
}

/** Git's own control groups, where there can be some. */
function gitGroupOf(config: Config, user: ServiceAccount): GitGroup {
  try {
    const { directories, admit } = makeGitGroup(config, user)
    const admitOrSay = (pid: number): void => {
      try {
        admit(pid)
      } catch (error) {
        console.error(`git runs outside its control group: ${messageOf(error)}`) // the api process may just have ended
      }
    }
    return { directories, admit: admitOrSay }
  } catch (error) {
    console.error(`git has no control group of its own, and its processes only their own limits: ${messageOf(error)}`)
    return { directories: [], admit: () => undefined }
  }
}

/** Keeps a log from growing without end: copied aside and cut, since the child holds it open (O_APPEND). */
async function rotate(file: string): Promise<void> {
  const { size, gid } = await stat(file).catch(orMissing({ size: 0, gid: 0 }))
  if (size < maxLogBytes) return
  await copyFile(file, `${file}.1`) // which has the mode of the other
  chownSync(`${file}.1`, 0, gid)
  await truncate(file)
}

/**
 * The processes an earlier supervisor left: `router`, and `router.123` for one that was already leaving or to be replaced,
 * or that it did not come to record.
 */
type Orphans = Readonly<Record<string, Pid>>

const ofName = (orphans: Orphans, name: string): Pid[] =>
  Object.entries(orphans).flatMap(([key, pid]) => (key === name || key.startsWith(`${name}.`) ? [pid] : []))

/** How they are recorded from now on: those that run beside their successors, by their numbers, too. */
const recordOf = (orphans: Orphans): Orphans =>
  Object.fromEntries(
    Object.entries(orphans).map(([name, pid]) =>
      listening.some((one) => one === name) ? [`${name}.${pid.pid}`, pid] : [name, pid],
    ),
  )

/**
 * The sockets that the children accept from: those of an earlier supervisor's children, with the connections that wait in
 * them, else new ones.
 * @throws BerthError `conflict` when the port is taken by another program
 */
async function openListeners(config: Config, user: ServiceAccount, orphans: Orphans): Promise<Listeners> {
  const inherit = (name: Listening, port: number): HeldListener | undefined => {
    for (const { pid } of holders[name].flatMap((holder) => ofName(orphans, holder))) {
      const inherited = inheritListener(pid, port)
      if (inherited) return inherited
    }
    return undefined
  }
  const endAll = (name: Listening) => Promise.all(ofName(orphans, name).map((orphan) => endProcess(orphan, graceMs)))
  const forRouter = async (port: number): Promise<HeldListener> => {
    const inherited = inherit('router', port)
    try {
      return inherited ?? openListener(port)
    } catch (error) {
      if (!is(error, 'conflict') || ofName(orphans, 'router').length === 0) throw error
      // a kernel that does not let us have its socket: what is under way there ends first
      await endAll('router')
      return openListener(port)
    }
  }
  const router = await forRouter(config.httpPort)
  const https = config.httpsPort === undefined ? undefined : await forRouter(config.httpsPort)
  const api = inherit('api', 0)
  // one of before sockets were handed over takes its own away as it ends
  if (!api) await endAll('api')
  const fronts = ofName(orphans, 'router').map(({ pid }) => inheritListener(pid, 0))
  const front = fronts.find((one) => one !== null) ?? openUnixListener(config.frontSocket, user)
  return { router, https, front, api: api ?? openUnixListener(config.apiSocket, user) }
}

/**
 * The UDP socket of a plane that speaks HTTP/3: of the one that an earlier supervisor left, else a new one. Where it cannot be had, all
 * else is served as ever, and nobody is told of HTTP/3.
 */
function openHttp3({ http3, httpsPort }: Config, plane: PlaneProgram | undefined, orphans: Orphans) {
  if (!http3 || httpsPort === undefined || plane?.http3 !== true) return undefined
  try {
    const held = ofName(orphans, planeName).map(({ pid }) => inheritDatagrams(pid, httpsPort))
    return held.find((one) => one !== null) ?? openDatagrams(httpsPort)
  } catch (error) {
    console.error(`no HTTP/3: ${messageOf(error)}`)
    return undefined
  }
}

/**
 * Runs every process of the Procfile and a Redis, and restarts what ends, until SIGTERM or SIGINT. Those that another
 * supervisor left, killed or sent away, are taken over: sockets and Redis as they are, router and API by new ones that accept
 * beside the old before these are told to leave. SIGUSR2 makes it leave all to the next. Apps are not its children: they go
 * on running.
 * @throws BerthError `conflict` when the instance is running already or its port is taken
 */
export async function superviseInstance(config: Config): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new BerthError('denied', 'berth serve needs root', 'its engine makes namespaces and mounts; run it with sudo')
  process.umask(0o022)
  const user = await ensureUser()
  layOut(config, user)
  using lock = tryLock(lockFile(config))
  const pids = new Pids(pidsFile(config))
  const recorded = pids.alive()
  const { [supervisorName]: other, ...left } = recorded
  if (lock === null || other)
    throw new BerthError(
      'conflict',
      `"${config.name}" is running already${other ? ` (pid ${other.pid})` : ''}`,
      'stop it with `berth down`',
    )
  const orphans: Orphans = { ...left, ...findStrays(config, recorded) }
  const plane = await planeProgram(config)
  const listeners = await openListeners(config, user, orphans)
  using router = listeners.router
  using api = listeners.api
  using https = listeners.https
  using front = listeners.front
  using http3 = openHttp3(config, plane, orphans)
  const ended = stopSignal()
  pids.replace(recordOf(orphans))
  pids.set(supervisorName, process.pid)

  const gitGroup = gitGroupOf(config, user)
  const children = specs(config, user, { router, api, https, http3, front }, { gitGroup, plane }).map((spec) => {
    const admit = (pid: number): void => {
      if (spec.name === 'api') gitGroup.admit(pid)
    }
    return new Child(spec, recordIn(pids, spec.name, admit), ofName(orphans, spec.name))
  })
  startAll(children, plane ? [] : ofName(orphans, planeName), pids)
  const running = { ...runnable(config), pid: process.pid }
  collectWhenQuiet()
  void Promise.all(children.map((child) => child.ready)).then(() => tellRunning(config, running))
  const rotation = setInterval(() => {
    for (const child of children) void rotate(child.spec.logFile)
  }, 60_000)

  const signal = await ended
  clearInterval(rotation)
  if (signal === 'SIGUSR2') return leave()
  await stopAll(children)
}

/** A data plane begins when the router can take what it cannot; one that nobody wants any more ends when the router listens. */
function startAll(children: readonly Child[], unwanted: readonly Pid[], pids: Pids): void {
  const { ready } = children.find(({ spec }) => spec.name === 'router') ?? {}
  for (const child of children) child.start(child.spec.name === planeName ? ready : undefined)
  void ready?.then(() => dismissPlanes(pids, unwanted))
}

/** The router listens again: data planes of before leave the ports to it, and end when what they have begun is over. */
function dismissPlanes(pids: Pids, planes: readonly Pid[]): void {
  for (const one of planes) {
    pids.delete(planeName)
    pids.set(`${planeName}.${one.pid}`, one.pid)
    signalProcess(one, 'SIGUSR1')
    void gone(one).then(() => pids.delete(`${planeName}.${one.pid}`))
  }
}

/** Keeps the record of a process's pids: of the one that serves, and of those before it that leave. */
const recordIn = (pids: Pids, name: string, started: (pid: number) => void): ChildEvents => ({
  started: (pid) => {
    pids.set(name, pid)
    started(pid)
  },
  leaves: (pid) => pids.set(`${name}.${pid}`, pid),
  left: (pid) => pids.delete(`${name}.${pid}`),
})

/** Redis is stopped last: the others write to it until they are gone. */
async function stopAll(children: readonly Child[]): Promise<void> {
  const redis = children.filter((child) => child.spec.name === 'redis')
  await Promise.all(children.filter((child) => !redis.includes(child)).map((child) => child.stop(graceMs)))
  await Promise.all(redis.map((child) => child.stop(graceMs)))
}

const stopSignal = (): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGUSR2'] as const) process.once(signal, () => resolve(signal))
  })

/** Ends at once and leaves every process running: the next supervisor takes them over. */
function leave(): never {
  process.exit(0)
}
