import { chownSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { copyFile, stat, truncate } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parse } from 'dotenv'
import { parseProcfile } from '../buildpacks/procfile.js'
import type { Config } from '../config.js'
import { BerthError, messageOf } from '../errors.js'
import { Child, type ChildSpec } from './child.js'
import { makeGitGroup, type GitGroup } from './git-group.js'
import { home } from './paths.js'
import { end, isAlive, Pids } from './pids.js'
import { redisArgs } from './redis.js'
import { openListener } from './socket.js'
import { ensureUser, type User } from './user.js'

const supervisorName = 'serve'
const maxLogBytes = 20_000_000
/** Long enough for the router to drain and the worker to reach a safe point. */
const graceMs = 35_000

export const pidsFile = (config: Config): string => join(config.run, 'pids.json')
export const logDir = (config: Config): string => join(config.root, 'log')

/** Makes the instance's directories: the engine's are root's alone, the others the account's. */
function layOut(config: Config, user: User): void {
  const own = (path: string, mode: number, owner?: User): void => {
    mkdirSync(path, { recursive: true, mode })
    if (owner) chownSync(path, owner.uid, owner.gid)
  }
  for (const path of [config.root, config.run, config.cache]) own(path, 0o755)
  own(join(config.root, 'engine'), 0o700)
  for (const folder of ['git', 'deploys', 'router', 'redis', 'home']) own(join(config.root, folder), 0o750, user)
  // mounted into the containers of apps
  own(join(config.root, 'init'), 0o755, user)
  own(join(config.cache, 'npm'), 0o755, user)
  own(logDir(config), 0o750)
  own(dirname(config.redisSocket), 0o700, user)
  own(dirname(config.apiSocket), 0o750, user)
}

/** Environment of every process: nothing of the caller's but what names its network and its language. */
function childEnv(config: Config): Record<string, string> {
  const kept = /^(PATH|LANG|LC_.*|TZ|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR|(https?|no|all)_proxy)$/i
  const inherited = Object.entries(process.env).filter(([key, value]) => kept.test(key) && value !== undefined)
  return { ...(Object.fromEntries(inherited) as Record<string, string>), ...config.env, NODE_ENV: 'production' }
}

/**
 * Whoever the engine's socket lets in: its group, where that engine is another's (dockerd's `docker`).
 * @throws BerthError `unavailable` when there is no such socket
 */
function engineClient(config: Config, user: User): User {
  if (config.ownEngine) return user
  try {
    return { uid: user.uid, gid: statSync(config.engineSocket).gid }
  } catch (cause) {
    throw new BerthError(
      'unavailable',
      `there is no container engine at ${config.engineSocket}, which BERTH_ENGINE names`,
      'start that engine, or unset BERTH_ENGINE to use the one that comes with Berth',
      cause,
    )
  }
}

const flags = ['--max-semi-space-size=1', '--disable-warning=ExperimentalWarning']

function specs(config: Config, user: User, listener: number, gitGroup: GitGroup): ChildSpec[] {
  const env = childEnv(config)
  const buildEnvFile = join(config.root, 'build.env')
  const buildEnv = existsSync(buildEnvFile) ? parse(readFileSync(buildEnvFile)) : {}
  const base = { cwd: home, env: { ...env, HOME: join(config.root, 'home') } }
  const client = engineClient(config, user)
  const logFile = (name: string) => join(logDir(config), `${name}.log`)
  const redis = {
    ...base,
    name: 'redis',
    command: 'redis-server',
    args: redisArgs(config),
    logFile: logFile('redis'),
    user,
  }
  const processes = Object.entries(parseProcfile(readFileSync(join(home, 'Procfile'), 'utf8')))
    .filter(([name]) => name !== 'engine' || config.ownEngine)
    .map(([name, line]): ChildSpec => {
      const [command = '', ...args] = line.split(' ')
      const spec = {
        ...base,
        name,
        command: command === 'node' ? process.execPath : command,
        args: command === 'node' ? [...flags, ...args] : args,
        logFile: logFile(name),
      }
      if (name === 'engine') return { ...spec, env: { ...env, HOME: '/root', BERTH_GROUP: String(user.gid) } }
      if (name === 'worker') return { ...spec, user: client, env: { ...buildEnv, ...spec.env } }
      if (name === 'router') return { ...spec, user, listener, env: { ...spec.env, LISTEN_FDS: '1' } }
      return { ...spec, user: client, env: { ...spec.env, BERTH_GIT_GROUPS: gitGroup.directories.join(':') } }
    })
  return [redis, ...processes]
}

/** Git's own control groups, where there can be some. */
function gitGroupOf(config: Config, user: User): GitGroup {
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
  const { size } = await stat(file).catch(() => ({ size: 0 }))
  if (size < maxLogBytes) return
  await copyFile(file, `${file}.1`)
  await truncate(file)
}

/**
 * Runs every process of the Procfile and a Redis, and restarts what ends, until SIGTERM or SIGINT. Processes that a
 * killed supervisor left are ended first. Apps are not its children: they go on running.
 * @throws BerthError `conflict` when the instance is running already or its port is taken
 */
export async function serve(config: Config): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new BerthError('denied', 'berth serve needs root', 'its engine makes namespaces and mounts; run it with sudo')
  const user = await ensureUser()
  layOut(config, user)
  const pids = new Pids(pidsFile(config))
  const { [supervisorName]: running, ...orphans } = pids.alive()
  if (running && isAlive(running) && running.pid !== process.pid)
    throw new BerthError(
      'conflict',
      `"${config.name}" is running already (pid ${running.pid})`,
      'stop it with `berth down`',
    )
  await Promise.all(Object.values(orphans).map((orphan) => end(orphan, graceMs)))
  using listener = openListener(config.httpPort)
  pids.set(supervisorName, process.pid)

  const gitGroup = gitGroupOf(config, user)
  const children = specs(config, user, listener.fd, gitGroup).map(
    (spec) =>
      new Child(spec, (pid) => {
        pids.set(spec.name, pid)
        if (spec.name === 'api') gitGroup.admit(pid)
      }),
  )
  for (const child of children) child.start()
  const rotation = setInterval(() => {
    for (const child of children) void rotate(child.spec.logFile)
  }, 60_000)

  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve())
  })
  clearInterval(rotation)
  const redis = children.filter((child) => child.spec.name === 'redis')
  await Promise.all(children.filter((child) => !redis.includes(child)).map((child) => child.stop(graceMs)))
  await Promise.all(redis.map((child) => child.stop(graceMs))) // last: the others write to it until they are gone
}
