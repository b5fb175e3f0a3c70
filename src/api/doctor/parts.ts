import { statfs } from 'node:fs/promises'
import { Disk } from '../../git/disk.js'
import { arrivals } from '../../store/operations.js'
import type { ControlApiDeps } from '../platform.js'
import type { Finding } from './contract.js'
import { sayOf, type Examination } from './examination.js'

/** A change that has waited for so long, in ms, is not waiting for its turn. */
const longWait = 900_000
const gibibyte = 2 ** 30

/** Who carries changes out, and what waits for it. */
export const examineWorker: Examination = async ({ store }) => {
  const { ok, warning, error } = sayOf('worker')
  const [, listening] = (await store.redis.pubsub('NUMSUB', arrivals)) as [string, number]
  if (listening === 0)
    return [error('no worker listens: nothing is deployed, restarted or scaled', 'see worker.log in the log directory')]
  const apps: string[] = []
  for (const id of await store.operations.pendingApps()) {
    const [oldest] = await store.operations.pending(id)
    if (oldest && Date.now() - Date.parse(oldest.createdAt) > longWait) apps.push(id)
  }
  if (apps.length === 0) return [ok('it listens, and no change waits for long')]
  const names = await Promise.all(apps.map(async (id) => (await store.apps.find(id))?.name ?? id))
  return names.map((name) =>
    warning(
      'a change has waited for more than 15 minutes',
      `\`berth builds -a ${name}\` shows it, \`berth builds:cancel\` ends it`,
      name,
    ),
  )
}

/** The container engine. */
export const examineEngine: Examination = async ({ engine }) => {
  const { ok, warning, error } = sayOf('engine')
  const client = await engine()
  if (!(await client.answers()))
    return [error('it does not answer: nothing is built or started', 'see engine.log in the log directory')]
  const { ServerVersion = '?', ContainersRunning = 0, Warnings } = await client.info()
  const warnings = (Warnings ?? []).map((one) => warning(one))
  return warnings.length > 0 ? warnings : [ok(`version ${ServerVersion}; ${String(ContainersRunning)} containers run`)]
}

/** Redis: whether what it acknowledges is on the disk. */
export const examineStore: Examination = async ({ store: { redis } }) => {
  const { ok, error } = sayOf('store')
  const info = new Map((await redis.info()).split('\r\n').map((line) => line.split(':', 2) as [string, string]))
  const hint = 'see redis.log in the log directory, and the room on the disk'
  if (info.get('aof_enabled') !== '1') return [error('Redis does not write to the disk as it answers', hint)]
  if (info.get('aof_last_write_status') !== 'ok') return [error('Redis cannot write to the disk', hint)]
  if (info.get('aof_last_bgrewrite_status') !== 'ok') return [error('Redis cannot make its file smaller', hint)]
  return [ok(`Redis ${info.get('redis_version') ?? '?'}, ${info.get('used_memory_human') ?? '?'} of memory`)]
}

/** The room where all state lives. */
export const examineDisk: Examination = async (platform) => [
  ...(await examineRoom(platform)),
  ...(await examineLimits(platform)),
]

/** Apps that have more than they may. */
async function examineLimits({ store, meter }: ControlApiDeps): Promise<Finding[]> {
  const limited = (await store.apps.list()).filter((app) => meter.limitOf(app) !== undefined)
  const rooms = await Promise.all(limited.map(async (app) => ({ app, room: await meter.roomOf(app) })))
  const { warning } = sayOf('disk')
  return rooms
    .filter(({ room }) => room <= 0)
    .map(({ app, room }) => {
      const { message, hint } = meter.refusalOf(app, room, 1)
      return warning(`${message}: pushes and copies to it are refused`, hint, app.name)
    })
}

async function examineRoom({ config: { root, diskReserve } }: ControlApiDeps): Promise<Finding[]> {
  const { ok, warning, error } = sayOf('disk')
  const { bavail, blocks, bsize, ffree, files } = await statfs(root)
  const room = await new Disk(root, diskReserve).room()
  const free = `${((bavail * bsize) / gibibyte).toFixed(1)} GiB of ${((blocks * bsize) / gibibyte).toFixed(1)} are free at ${root}`
  const hint =
    'remove images and builds that are not needed (`berth builds:cache:purge`, `berth apps:destroy`), or give it more room'
  if (room === 0) return [error(`${free}, which is the reserve: pushes and writes of apps are refused`, hint)]
  if (bavail < blocks / 10) return [warning(free, hint)]
  if (files > 0 && ffree < files / 20)
    return [warning(`${String(ffree)} of ${String(files)} inodes are free at ${root}`, hint)]
  return [ok(free)]
}

/** Plugins that are enabled, and do not run. */
export const examinePlugins: Examination = async ({ store }) => {
  const { ok, error } = sayOf('plugins')
  const [all, states] = await Promise.all([store.plugins.list(), store.plugins.states()])
  const enabled = all.filter((one) => one.enabled)
  const failed = enabled.flatMap(({ name, revision }) => {
    const state = states.get(name)
    return state?.state === 'failed' && state.revision === revision ? [{ name, why: state.why ?? '' }] : []
  })
  if (failed.length === 0)
    return [ok(enabled.length === 0 ? 'none is enabled' : `${String(enabled.length)} enabled, none fails`)]
  return failed.map(({ name, why }) =>
    error(`does not start: ${why}`, `\`berth plugins:info ${name}\`, \`berth plugins:disable ${name}\``, name),
  )
}
