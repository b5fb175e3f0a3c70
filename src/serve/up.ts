import { spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, mkdirSync, openSync, closeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config.js'
import { connectEngine } from '../engine-client/client.js'
import { BerthError, messageOf } from '../errors.js'
import { Networks } from '../lib/networks.js'
import { buildEnv } from './build-env.js'
import { pushExample } from './example.js'
import { logDir, pidsFile, readRunning, runnable, supervisorName, type RunningInstance } from './instance.js'
import { lock } from './lock.js'
import { logIn } from './log-in.js'
import { home } from './paths.js'
import { gone, Pids, signalProcess } from './pids.js'
import { openStore } from '../store/store.js'
import { checkInstanceSettings, rememberSettings, replaceSecret } from './settings.js'
import { inheritListener, openListener } from './socket.js'
import { hasSystemd, installUnit, startUnit } from './unit.js'

const baseImage = 'debian:bookworm-slim'
/** A small server that has just booted, or builds an app meanwhile, needs more than half a minute. */
const readyMs = 120_000
/** A supervisor that is told to leave does so at once. */
const leaveMs = 10_000

const say = (line: string): void => void process.stderr.write(`-----> ${line}\n`)

/** What `up` has come to. */
export interface Outcome {
  /** Where it is. */
  readonly url: string
  /** The example's URL, if there is one. */
  readonly example: string | null
  /** Berth is up, but its first push was not: why. */
  readonly failure: BerthError | null
}

/**
 * Starts the instance, or has a running one taken over by this build and these settings, and waits until it answers; then
 * makes it ready for a first push: tokens, base image, the example app. Safe to repeat; two at once take turns.
 * @throws BerthError saying which step failed; `conflict` when it would meet another instance: nothing is changed then
 */
export async function up(config: Config): Promise<Outcome> {
  if (process.getuid?.() !== 0)
    throw new BerthError('denied', 'bin/up needs root: its engine makes namespaces and mounts', 'run it with sudo')
  process.umask(0o022)
  checkInstanceSettings(config)
  mkdirSync(config.run, { recursive: true, mode: 0o755 })
  const turn = await lock(join(config.run, 'up.lock'), () => say('Another bin/up is at work: waiting for it'))
  try {
    await start(config, checkInstanceSettings(config))
    const url = await logIn(config, say)
    await ensureBase(config)
    return { url, ...(await introduce(config)) }
  } finally {
    turn[Symbol.dispose]()
  }
}

/** The first push. Without it Berth is up all the same. */
async function introduce(config: Config): Promise<Omit<Outcome, 'url'>> {
  try {
    return { example: await pushExample(config, say), failure: null }
  } catch (error) {
    const failure = new BerthError(
      'broken',
      `the example could not be deployed: ${messageOf(error)}`,
      'see above',
      error,
    )
    return { example: null, failure }
  }
}

async function start(config: Config, running: RunningInstance | null): Promise<void> {
  const processes = new Pids(pidsFile(config)).alive()
  const supervisor = processes[supervisorName]
  const wanted = runnable(config)
  if (supervisor && isCurrent(running, wanted, supervisor.pid)) {
    await rememberSettings(config)
    say('Berth is running already')
    return ready(config, wanted)
  }
  // its own processes may hold the port, and hand it over
  const holders = Object.entries(processes).filter(([name]) => /^(router|worker|api)(\.|$)/.test(name))
  for (const port of [config.httpPort, config.httpsPort ?? []].flat())
    if (!holders.some(([, { pid }]) => holds(pid, port))) openListener(port)[Symbol.dispose]()
  mkdirSync(config.root, { recursive: true, mode: 0o755 })
  await rememberSettings(config)
  await replaceSecret(join(config.root, 'build.env'), await buildEnv(process.env))
  if (supervisor) {
    say(`${reason(running, wanted)}: taking over from what runs (apps keep running and being served)`)
    signalProcess(supervisor, 'SIGUSR2') // it leaves its processes to the next
    await gone(supervisor, AbortSignal.timeout(leaveMs))
  } else say(Object.keys(processes).length > 0 ? 'Taking over from a Berth whose supervisor ended' : 'Starting Berth')
  if (hasSystemd()) {
    await installUnit(config)
    await startUnit(config)
    await ready(config, wanted)
    return hostnames(config)
  }
  await ready(config, wanted, startSupervisor(config))
  await hostnames(config)
}

/** Without systemd. @returns the supervisor, and where it tells what it does */
function startSupervisor(config: Config): { readonly child: ChildProcess; readonly log: string } {
  mkdirSync(logDir(config), { recursive: true })
  chmodSync(logDir(config), 0o750)
  const log = join(logDir(config), 'serve.log')
  const fd = openSync(log, 'a', 0o640)
  const child = spawn(join(home, 'bin/berth'), ['serve'], {
    cwd: '/',
    env: { ...withoutSettings(process.env), BERTH_ROOT: config.root },
    stdio: ['ignore', fd, fd],
    detached: true,
  })
  closeSync(fd)
  child.unref()
  return { child, log }
}

/** True when a process of ours has the socket of this port. */
function holds(pid: number, port: number): boolean {
  const listener = inheritListener(pid, port)
  listener?.[Symbol.dispose]()
  return listener !== null
}

const isCurrent = (running: RunningInstance | null, wanted: Omit<RunningInstance, 'pid'>, pid: number): boolean =>
  running !== null && isDeepStrictEqual(running, { ...wanted, pid })

function reason(running: RunningInstance | null, wanted: Omit<RunningInstance, 'pid'>): string {
  if (running === null || running.build !== wanted.build) return 'There is a new build'
  if (running.home !== wanted.home) return 'The checkout has moved'
  if (running.node !== wanted.node) return 'There is another Node.js'
  const names = new Set([...Object.keys(running.settings), ...Object.keys(wanted.settings)])
  const changed = [...names].filter((name) => running.settings[name] !== wanted.settings[name])
  return changed.length > 0 ? `Changed: ${changed.join(', ')}` : 'What runs is not complete'
}

/** The supervisor reads the instance's file, so that an edit of it counts at its next start. */
const withoutSettings = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('BERTH_')))

/** Where loopback is a trusted proxy's, connections may have to begin as those do. */
function dialRouter({ proxyProtocol, trustedProxies, httpPort }: Config): Socket {
  const socket = connect(httpPort, '127.0.0.1')
  if (proxyProtocol && new Networks(trustedProxies).has('127.0.0.1')) socket.write('PROXY UNKNOWN\r\n')
  return socket
}

/** The router's answer for the control API: everything between them works when it is 200. */
function health(config: Config): Promise<number> {
  return new Promise((resolve) => {
    const headers = { host: new URL(config.url).host }
    const options = { path: '/api/health', headers, timeout: 2_000 }
    request({ ...options, createConnection: () => dialRouter(config) })
      .on('response', (response) => resolve(response.resume().statusCode ?? 0))
      .on('timeout', () => resolve(0))
      .on('error', () => resolve(0))
      .end()
  })
}

/** Waits until every process of this build with these settings is there and answers. */
async function ready(
  config: Config,
  wanted: Omit<RunningInstance, 'pid'>,
  started?: { readonly child: ChildProcess; readonly log: string },
): Promise<void> {
  const engine = connectEngine(config)
  const current = (): boolean => {
    const supervisor = new Pids(pidsFile(config)).alive()[supervisorName]
    return supervisor !== undefined && isCurrent(readRunning(config.run), wanted, supervisor.pid)
  }
  const deadline = Date.now() + readyMs
  while (!current() || (await health(config)) !== 200 || !(await engine.answers())) {
    if (started && started.child.exitCode !== null)
      throw new BerthError(
        'unavailable',
        `Berth ended as it started:\n${await lastLines(started.log)}`,
        'mend that and run bin/up again',
      )
    if (Date.now() > deadline)
      throw new BerthError(
        'unavailable',
        `Berth did not answer within ${readyMs / 1000} s`,
        `see the logs in ${logDir(config)}`,
      )
    await sleep(50) // several processes become ready by themselves; asking the last of them is the one sure sign
  }
}

/** Waits until every app's route has its hostname of today: after a change of the domain the worker brings them up to date. */
async function hostnames(config: Config): Promise<void> {
  await using store = await openStore(config, false)
  const deadline = Date.now() + readyMs
  for (const { id, name } of await store.apps.list())
    while ((await store.routes.get(id))?.hosts.includes(config.appHost(name)) === false && Date.now() < deadline)
      await sleep(50)
}

async function lastLines(file: string): Promise<string> {
  await using handle = await open(file)
  const { size } = await handle.stat()
  const length = Math.min(size, 2_000)
  const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length)
  return buffer.toString().trimEnd().split('\n').slice(-5).join('\n')
}

async function ensureBase(config: Config): Promise<void> {
  const { images } = connectEngine(config)
  if ((await images.inspect(baseImage)) !== null) return
  say(`Making the base image ${baseImage} from your Debian mirror (about a minute, once)`)
  try {
    for await (const { status, error } of images.pull(baseImage)) {
      if (error !== undefined) throw new Error(error)
      if (status !== undefined) process.stderr.write(`       ${status}\n`)
    }
  } catch (error) {
    throw new BerthError(
      'unavailable',
      `Berth is up at ${config.url}, but the base image ${baseImage} could not be made: ${messageOf(error)}`,
      'the Debian mirror of /etc/apt must be within reach this once; then run bin/up again',
      error,
    )
  }
}
