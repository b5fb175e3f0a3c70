import { totalOf, type AppDisk } from '../../disk/account.js'
import { Disk } from '../../git/disk.js'
import type { App } from '../../store/apps.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import type { AppDiskView } from './contract.js'

const nothing: AppDisk = { images: 0, processes: 0, volumes: 0, git: 0, logs: 0, cache: 0 }

export function diskHandlers(platform: ControlApiDeps): HandlersOf<'disk'> {
  const { meter, store, config } = platform
  const view = (app: App, disk = nothing): AppDiskView => ({
    ...{ app: app.name, ...disk, total: totalOf(disk), limit: meter.limitOf(app) ?? null },
  })
  return {
    all: async () => {
      const [account, apps, services] = await Promise.all([meter.measure(), store.apps.list(), store.services.list()])
      return {
        disk: await new Disk(config.root, config.diskReserve).space(),
        apps: apps.map((app) => view(app, account.apps.get(app.id))).sort((a, b) => b.total - a.total),
        services: services.map(({ id, name }) => ({ service: name, bytes: account.services.get(id) ?? 0 })),
        ...{ images: account.images, others: account.others, backups: account.backups, own: account.own },
      }
    },

    app: async (_, { app }) => view(app, (await meter.measure()).apps.get(app.id)),

    limit: async ({ limit }, { app }) => {
      const changed = await store.apps.update(app.id, () => ({ diskLimit: limit ?? undefined }))
      return view(changed, (await meter.measure()).apps.get(app.id))
    },
  }
}
