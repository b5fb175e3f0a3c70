import { join } from 'node:path'
import type { Config } from '../config.js'

/**
 * Arguments of the instance's own redis-server: a unix socket and no port, every write fsynced before it is
 * acknowledged, nothing ever evicted, a torn last write after a power cut cut off instead of refused.
 */
export const redisArgs = (config: Config): string[] => [
  ...['--port', '0'],
  ...['--unixsocket', config.redisSocket],
  ...['--unixsocketperm', '700'],
  ...['--dir', join(config.root, 'redis')],
  ...['--appendonly', 'yes'],
  ...['--appendfsync', 'always'],
  ...['--aof-load-truncated', 'yes'],
  ...['--save', ''],
  ...['--maxmemory-policy', 'noeviction'],
  ...['--daemonize', 'no'],
  ...['--logfile', ''],
]
