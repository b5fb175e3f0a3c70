import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config.js'
import { createLog } from '../log.js'
import type { PlaneProgram } from '../plugins/kinds/router.js'
import { firstSocket, loadPlane, planeDirectories } from '../plugins/planes.js'
import type { ChildSpec } from './child.js'
import { logDir, readRunning } from './instance.js'
import type { Pid } from './pids.js'
import type { ServiceAccount } from './user.js'

/** What the program of a data plane is called among an instance's processes. */
export const planeName = 'plane'

/** The program of the data plane that the settings name; undefined where the router listens itself. @throws BerthError `invalid` */
export async function planeProgram(config: Config): Promise<PlaneProgram | undefined> {
  if (config.plane === undefined) return undefined
  const plugin = await loadPlane(config.plane, config, createLog('serve'))
  return plugin.program(planeDirectories(config))
}

const looks = 20

/** It has read its configuration and begun: it has processes of its own. */
async function whenForked(pid: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      if (readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim() !== '') return
    } catch {
      return // it is gone, which whoever waits for it sees
    }
    await sleep(looks, undefined, { signal }).catch(() => undefined)
  }
}

/** Names, to the program of a plane, the descriptor of the UDP socket that it is to speak HTTP/3 by. */
const http3Descriptor = 'HTTP3_FD'

/** One that was started with these words (it may put its own before them) on these ports goes on: what else there is to know it is told by the router. */
function isSame(config: Config, { command, args }: PlaneProgram, http3: string | undefined, { pid }: Pid): boolean {
  const before = readRunning(config.run)?.settings
  const ports = ['BERTH_HTTP_PORT', 'BERTH_HTTPS_PORT']
  if (ports.some((name) => before?.[name] !== config.env[name])) return false
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    const env = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    const given = env.find((entry) => entry.startsWith(`${http3Descriptor}=`))?.slice(http3Descriptor.length + 1)
    const isStarted = words.startsWith(`${command}\0`) && words.includes(['', ...args, ''].join('\0'))
    return isStarted && given === http3 && existsSync(realpathSync(`/proc/${pid}/exe`))
  } catch {
    return false
  }
}

/** Whether a port is root's to bind; ip(7). */
function isPrivileged(port: number): boolean {
  const file = '/proc/sys/net/ipv4/ip_unprivileged_port_start'
  return port < (existsSync(file) ? Number(readFileSync(file, 'utf8')) : 1024)
}

/**
 * How the program of a data plane is run: with the sockets that it accepts from, unprivileged. Only where it speaks HTTP/3 on a port of
 * root's may it bind such: without a socket for each client, bound to that port, a reload would lose their connections.
 */
export function planeSpec(
  config: Config,
  program: PlaneProgram,
  {
    cwd,
    env,
    user,
    sockets,
    http3,
  }: Pick<ChildSpec, 'cwd'> & {
    readonly env: Readonly<Record<string, string>>
    readonly user: ServiceAccount
    /** TCP, as `planeListeners`. */
    readonly sockets: readonly number[]
    /** UDP. */
    readonly http3: number | undefined
  },
): ChildSpec {
  const { PATH = '', HOME = '/' } = env
  const { command, args } = program
  const descriptor = http3 === undefined ? undefined : String(firstSocket + sockets.length)
  const told = descriptor === undefined ? {} : { [http3Descriptor]: descriptor }
  return {
    ...{ command, args, cwd, user, name: planeName, env: { PATH: `${PATH}:/usr/sbin:/sbin`, HOME, ...told } },
    ...(http3 !== undefined && isPrivileged(config.httpsPort ?? 0) ? { capability: 'net_bind_service' } : {}),
    logFile: join(logDir(config), `${planeName}.log`),
    spares: [...sockets, ...(http3 === undefined ? [] : [http3])],
    keeps: (forebear) => isSame(config, program, descriptor, forebear),
    accepts: whenForked,
    leaveSignal: 'SIGUSR1',
  }
}
