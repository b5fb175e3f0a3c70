import type { Config } from '../config.js'
import type { App } from './apps.js'
import type { Store } from './store.js'

/**
 * Makes an app: its record, release v1, and a route without processes, so that its hostname answers 503 from the start.
 * @throws BerthError `invalid` for a bad name, `conflict` for a taken one
 */
export async function createApp(config: Config, store: Store, name: string): Promise<App> {
  const app = await store.apps.create(name)
  await store.routes.put({ app: app.id, name, hosts: [config.appHost(name)], targets: [] })
  return app
}
