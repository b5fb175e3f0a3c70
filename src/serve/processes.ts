import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'dotenv'
import { parseProcfile } from '../buildpacks/procfile.js'
import type { Config } from '../config.js'
import { BerthError } from '../errors.js'
import type { PlaneProgram } from '../plugins/kinds/router.js'
import type { ChildSpec } from './child.js'
import type { GitGroup } from './git-group.js'
import { logDir, readRunning } from './instance.js'
import { home } from './paths.js'
import type { Pid } from './pids.js'
import { redisArgs } from './redis.js'
import type { HeldListener } from './socket.js'
import type { ServiceAccount } from './user.js'
import { planeSpec } from './plane.js'

/** The processes that accept connections, and so run beside those they replace. */
export const listening = ['router', 'api'] as const
export type Listening = (typeof listening)[number]

/** What they accept from: the router for HTTPS, too, where there is a port for it. */
export interface Listeners extends Readonly<Record<Listening, HeldListener>> {
  readonly https?: HeldListener | undefined
  /** UDP, of a data plane that speaks HTTP/3. */
  readonly http3?: HeldListener | undefined
  /** The router's unix socket, which data planes come by. */
  readonly front: HeldListener
}

/** Commands of this checkout, such as `test` and `install`, are not to stand in for the system's. */
const withoutOwn = (path: string): string =>
  path
    .split(':')
    .filter((entry) => entry !== '' && join(entry, '/') !== join(home, 'bin/'))
    .join(':')

/** Environment of every process: nothing of the caller's but what names its network and its language. */
function childEnv(config: Config, env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const kept = /^(LANG|LC_.*|TZ|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR|(https?|no|all)_proxy)$/i
  const inherited = Object.entries(env).filter(([key, value]) => kept.test(key) && value !== undefined)
  return {
    ...(Object.fromEntries(inherited) as Record<string, string>),
    PATH: withoutOwn(env.PATH ?? '') || '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ...config.env,
    // malloc(3)'s own for each thread would keep what it once had; some MiB a process
    MALLOC_ARENA_MAX: '1',
    BERTH_SUPERVISED: '1',
    NODE_ENV: 'production',
  }
}

/**
 * Whoever the engine's socket lets in: its group, where that engine is another's (dockerd's `docker`).
 * @throws BerthError `unavailable` when there is no such socket
 */
function engineClient(config: Config, user: ServiceAccount): ServiceAccount {
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

/** A Redis that was started as this one would be goes on: it knows nothing of Berth's build. */
function isSameRedis(config: Config, { pid }: Pid): boolean {
  if (readRunning(config.run)?.redis !== redisArgs(config).join(' ')) return false
  try {
    return existsSync(realpathSync(`/proc/${pid}/exe`)) // proc_pid_exe(5): not so when its program was upgraded
  } catch {
    return false
  }
}

const redisSpec = (config: Config, base: Pick<ChildSpec, 'cwd' | 'env'>, user: ServiceAccount): ChildSpec => ({
  ...base,
  name: 'redis',
  command: 'redis-server',
  args: redisArgs(config),
  logFile: join(logDir(config), 'redis.log'),
  user,
  keeps: (forebear: Pid) => isSameRedis(config, forebear),
})

/** What bin/berth gave Node.js for this process. */
const flags = process.execArgv.filter((flag) => flag !== '--')

/** Every process of the Procfile and a Redis, and how each is run. @throws BerthError as `engineClient` */
export function specs(
  config: Config,
  user: ServiceAccount,
  listeners: Listeners,
  { gitGroup, plane }: { readonly gitGroup: GitGroup; readonly plane: PlaneProgram | undefined },
): ChildSpec[] {
  const env = childEnv(config)
  const buildEnvFile = join(config.root, 'build.env')
  const buildEnv = existsSync(buildEnvFile) ? parse(readFileSync(buildEnvFile)) : {}
  const base = { cwd: home, env: { ...env, HOME: join(config.root, 'home') } }
  const client = engineClient(config, user)
  const processes = Object.entries(parseProcfile(readFileSync(join(home, 'Procfile'), 'utf8')))
    .filter(([name]) => name !== 'engine' || config.ownEngine)
    .map(([name, line]): ChildSpec => {
      const [command = '', ...args] = line.split(' ')
      const spec = {
        ...base,
        name,
        command: command === 'node' ? process.execPath : command,
        args: command === 'node' ? [...flags, ...args] : args,
        logFile: join(logDir(config), `${name}.log`),
      }
      if (name === 'engine')
        return { ...spec, env: { ...env, MALLOC_ARENA_MAX: '2', HOME: '/root', BERTH_GROUP: String(user.gid) } }
      const { router, api, https, front } = listeners
      const secure = https ? [https.fd] : []
      if (name === 'worker')
        return { ...spec, user: client, spares: [router.fd, api.fd, ...secure], env: { ...buildEnv, ...spec.env } }
      const listens = listening.find((other) => other === name)
      if (!listens) return { ...spec, user: client }
      const { fd } = listeners[listens]
      const accepting = { ...spec, listener: fd, env: { ...spec.env, LISTEN_FDS: '1', READY_FD: '4' } }
      if (name === 'router')
        return {
          ...accepting,
          user,
          listeners: [...secure, front.fd],
          env: { ...accepting.env, LISTEN_FDS: String(2 + secure.length) },
        }
      const git = { BERTH_GIT_GROUPS: gitGroup.directories.join(':') }
      return { ...accepting, user: client, spares: [router.fd, ...secure], env: { ...accepting.env, ...git } }
    })
  const { router, https, http3 } = listeners
  const sockets = [router.fd, ...(https ? [https.fd] : [])]
  const own = plane && planeSpec(config, plane, { ...base, user, sockets, http3: http3?.fd })
  return [redisSpec(config, base, user), ...processes, ...(own ? [own] : [])]
}
