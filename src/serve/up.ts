import { spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config.js'
import { readCredentials, writeCredentials } from '../cli/credentials.js'
import { connectEngine } from '../docker.js'
import { BerthError } from '../errors.js'
import { openStore } from '../store/store.js'
import { buildEnv } from './build-env.js'
import { down } from './down.js'
import { pushExample } from './example.js'
import { home } from './paths.js'
import { Pids } from './pids.js'
import { logDir, pidsFile } from './supervisor.js'
import { hasSystemd, startUnit } from './unit.js'

const baseImage = 'debian:bookworm-slim'
/** A small server that has just booted, or builds an app meanwhile, needs more than half a minute. */
const readyMs = 120_000

const say = (line: string): void => void process.stderr.write(`-----> ${line}\n`)

async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text)
  await rename(`${file}.new`, file)
}

/** Writes what the instance must remember: its settings, and the host's network for builds. */
async function remember(config: Config): Promise<void> {
  await mkdir(config.root, { recursive: true })
  const settings = Object.entries(config.env).filter(([name]) => name !== 'BERTH_ROOT')
  await replace(join(config.root, 'berth.env'), settings.map(([name, value]) => `${name}=${value}\n`).join(''))
  await replace(join(config.root, 'build.env'), await buildEnv(process.env))
}

/** Identifies the code that is running, so that a new build restarts it and the same one is left alone. */
const buildFile = (config: Config): string => join(config.run, 'build')

async function start(config: Config, build: string): Promise<void> {
  const running = 'serve' in new Pids(pidsFile(config)).alive()
  const before = await readFile(buildFile(config), 'utf8').catch(() => '')
  if (running && before === build) {
    say('Berth is running already')
    return
  }
  if (running) {
    say('Restarting Berth with the new build (apps keep running)')
    await down(config)
  } else say('Starting Berth')
  await mkdir(config.run, { recursive: true })
  await mkdir(logDir(config), { recursive: true })
  if (hasSystemd()) await startUnit(config)
  else {
    const log = openSync(join(logDir(config), 'serve.log'), 'a', 0o640)
    const args = [join(home, 'dist/cli/main.js'), 'serve']
    spawn(process.execPath, args, {
      cwd: '/',
      env: { ...process.env, ...config.env },
      stdio: ['ignore', log, log],
      detached: true,
    }).unref()
  }
  await writeFile(buildFile(config), build)
}

/** The router's answer for the control API: everything between them works when it is 200. */
function health(config: Config): Promise<number> {
  return new Promise((resolve) => {
    const headers = { host: new URL(config.url).host }
    request({ host: '127.0.0.1', port: config.httpPort, path: '/api/health', headers, timeout: 2_000 })
      .on('response', (response) => resolve(response.resume().statusCode ?? 0))
      .on('timeout', () => resolve(0))
      .on('error', () => resolve(0))
      .end()
  })
}

async function ready(config: Config): Promise<void> {
  const docker = connectEngine(config)
  const engine = () =>
    docker.ping().then(
      () => true,
      () => false,
    )
  const deadline = Date.now() + readyMs
  while ((await health(config)) !== 200 || !(await engine())) {
    if (Date.now() > deadline)
      throw new BerthError(
        'unavailable',
        `Berth did not answer within ${readyMs / 1000} s`,
        `see the logs in ${logDir(config)}`,
      )
    await sleep(50) // several processes become ready by themselves; asking the last of them is the one sure sign
  }
}

/** Makes a token for this person unless the one they have is good, and keeps it where the CLI and git find it. */
async function logIn(config: Config): Promise<void> {
  await using store = await openStore(config, false)
  const known = await readCredentials()
  if (known?.url === config.url && (await store.tokens.verify(known.token)) !== null) return
  const token = await store.tokens.create(process.env.SUDO_USER ?? process.env.USER ?? 'root')
  await writeCredentials({ url: config.url, token: token.reveal() })
  say('Made an access token for you')
}

async function ensureBase(config: Config): Promise<void> {
  const docker = connectEngine(config)
  const there = await docker
    .getImage(baseImage)
    .inspect()
    .catch(() => null)
  if (there) return
  say(`Making the base image ${baseImage} from your Debian mirror (about a minute, once)`)
  const progress = await docker.pull(baseImage)
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(
      progress,
      (error) => (error ? reject(error) : resolve()),
      (event: { status?: string }) => {
        if (event.status !== undefined) process.stderr.write(`       ${event.status}\n`)
      },
    )
  })
}

/**
 * Starts the instance unless it runs, waits until it answers, and makes it ready for a first push: token, base image,
 * the example app. Safe to repeat.
 * @returns the example's URL
 */
export async function up(config: Config, build: string): Promise<string> {
  await remember(config)
  await start(config, build)
  await ready(config)
  await logIn(config)
  await ensureBase(config)
  return pushExample(config, say)
}
