import { join } from 'node:path'
import type { Config } from '../config.js'
import { BerthError } from '../errors.js'
import type { Logger } from '../log.js'
import { version } from '../version.js'
import { directoryOf } from './find.js'
import type { PlanePlace, RouterPlugin } from './kinds/router.js'
import { importPlugin } from './module.js'
import type { Plugin } from './plugin.js'

/** The first descriptor that a program of the supervisor's is handed (sd_listen_fds(3)). */
export const firstSocket = 3

/** Where the files and sockets of a data plane are. */
export const planeDirectories = ({ root, run }: Pick<Config, 'root' | 'run'>) => ({
  directory: join(root, 'router', 'plane'),
  run: join(run, 'router'),
})

/** The sockets that a plane's program listens on, in the order of its descriptors. */
export const planeListeners = ({ httpsPort }: Pick<Config, 'httpsPort'>): PlanePlace['listeners'] => [
  { fd: firstSocket, scheme: 'http' },
  ...(httpsPort === undefined ? [] : [{ fd: firstSocket + 1, scheme: 'https' } as const]),
]

/**
 * The data plane of that name, one of Berth's own.
 * @throws BerthError `invalid` where there is none
 */
export async function loadPlane(
  name: string,
  config: Pick<Config, 'name' | 'domain'>,
  log: Logger,
): Promise<RouterPlugin> {
  const plugin = await importPlugin(directoryOf({ name, directory: null })).catch((cause: unknown) => {
    throw new BerthError('invalid', `there is no data plane "${name}"`, 'BERTH_ROUTER may be node or haproxy', cause)
  })
  if (plugin.kind !== 'router')
    throw new BerthError('invalid', `${name} is no data plane`, 'BERTH_ROUTER may be node or haproxy')
  const host = {
    settings: {},
    log: {
      info: (message: string, fields: object = {}) => log.info({ plugin: name, ...fields }, message),
      warn: (message: string, fields: object = {}) => log.warn({ plugin: name, ...fields }, message),
      error: (message: string, fields: object = {}) => log.error({ plugin: name, ...fields }, message),
    },
    signal: new AbortController().signal,
    berth: { version, name: config.name, domain: config.domain },
    directory: () => Promise.reject(new BerthError('invalid', 'a data plane has a directory by its place')),
  }
  return (plugin as unknown as Plugin<'router'>).start(host)
}
