import type { Redis } from 'ioredis'
import type { Config } from '../config.js'
import { Acme } from './acme.js'
import { Apps } from './apps.js'
import { Backups } from './backups.js'
import { Canaries } from './canaries.js'
import { Certificates } from './certificates.js'
import { connectRedis } from './connection.js'
import { Cron } from './cron.js'
import { GitKeys } from './git-keys.js'
import { gitLogins, registryLogins, type Logins } from './logins.js'
import { Notices } from './notices.js'
import { Notifications } from './notifications.js'
import { Operations } from './operations.js'
import { OnDemandRecord } from './on-demand.js'
import { Pages } from './pages.js'
import { Plugins } from './plugins.js'
import { Platform } from './platform.js'
import { Pushers } from './pushers.js'
import { Releases } from './releases.js'
import { Routes } from './routes.js'
import { Services } from './services.js'
import { Syncs, Webhooks } from './syncs.js'
import { Tokens } from './tokens.js'

/** Every record of the platform, over one connection. */
export interface Store extends AsyncDisposable {
  readonly redis: Redis
  readonly apps: Apps
  readonly releases: Releases
  readonly operations: Operations
  readonly routes: Routes
  readonly canaries: Canaries
  readonly certificates: Certificates
  readonly acme: Acme
  readonly onDemand: OnDemandRecord
  readonly pages: Pages
  readonly platform: Platform
  readonly pushers: Pushers
  readonly cron: Cron
  readonly notices: Notices
  readonly tokens: Tokens
  readonly plugins: Plugins
  readonly services: Services
  readonly backups: Backups
  /** Of an app. */
  readonly gitKeys: (app: string) => GitKeys
  /** Of an app. */
  readonly gitLogins: (app: string) => Logins
  /** Of an app. */
  readonly syncs: (app: string) => Syncs
  readonly webhooks: Webhooks
  readonly registryLogins: Logins
  readonly notifications: Notifications
  /** A connection of its own for `SUBSCRIBE`; the caller quits it. */
  subscriber(): Promise<Redis>
}

/** Opens the store; `patient` waits for Redis as long as it takes, otherwise commands fail while Redis is away. */
export async function openStore(config: Config, patient = true): Promise<Store> {
  const redis = await connectRedis(config, patient)
  const notifications = new Notifications(() => connectRedis(config))
  return {
    redis,
    apps: new Apps(redis, (name) => config.appHost(name)),
    releases: new Releases(redis),
    operations: new Operations(redis),
    routes: new Routes(redis),
    canaries: new Canaries(redis),
    certificates: new Certificates(redis),
    acme: new Acme(redis),
    onDemand: new OnDemandRecord(redis),
    pages: new Pages(redis),
    platform: new Platform(redis),
    pushers: new Pushers(redis),
    cron: new Cron(redis),
    notices: new Notices(redis),
    tokens: new Tokens(redis),
    plugins: new Plugins(redis, config.root),
    services: new Services(redis),
    backups: new Backups(redis),
    gitKeys: (app) => new GitKeys(redis, app),
    gitLogins: (app) => gitLogins(redis, app),
    syncs: (app) => new Syncs(redis, app),
    webhooks: new Webhooks(redis),
    registryLogins: registryLogins(redis),
    notifications,
    subscriber: () => connectRedis(config),
    [Symbol.asyncDispose]: async () => {
      await notifications.close()
      await redis.quit()
    },
  }
}
