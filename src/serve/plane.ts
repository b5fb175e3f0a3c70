import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config.js'
import { createLog } from '../log.js'
import { loadPlane, planeDirectories } from '../plugins/planes.js'
import type { ChildSpec } from './child.js'
import { logDir, readRunning } from './instance.js'
import type { Pid } from './pids.js'
import type { ServiceAccount } from './user.js'

/** What the program of a data plane is called among an instance's processes. */
export const planeName = 'plane'

/** A program, and how it is started. */
export interface PlaneProgram {
  readonly command: string
  readonly args: readonly string[]
}

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

/** One that was started with these words on these ports goes on: what else there is to know it is told by the router. */
function isSame(config: Config, { command, args }: PlaneProgram, { pid }: Pid): boolean {
  const before = readRunning(config.run)?.settings
  const ports = ['BERTH_HTTP_PORT', 'BERTH_HTTPS_PORT']
  if (ports.some((name) => before?.[name] !== config.env[name])) return false
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    return words.startsWith([command, ...args, ''].join('\0')) && existsSync(realpathSync(`/proc/${pid}/exe`))
  } catch {
    return false
  }
}

/** How the program of a data plane is run: with the sockets that it accepts from, unprivileged. */
export function planeSpec(
  config: Config,
  program: PlaneProgram,
  {
    cwd,
    env,
    user,
    sockets,
  }: Pick<ChildSpec, 'cwd'> & {
    readonly env: Readonly<Record<string, string>>
    readonly user: ServiceAccount
    readonly sockets: readonly number[]
  },
): ChildSpec {
  const { PATH = '', HOME = '/' } = env
  return {
    ...{ ...program, cwd, user, name: planeName, env: { PATH: `${PATH}:/usr/sbin:/sbin`, HOME } },
    logFile: join(logDir(config), `${planeName}.log`),
    spares: sockets,
    keeps: (forebear) => isSame(config, program, forebear),
    accepts: whenForked,
    leaveSignal: 'SIGUSR1',
  }
}
