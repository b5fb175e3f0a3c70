import type { Config } from '../config.js'
import type { App } from '../store/apps.js'
import type { Change, Operation } from '../store/operations.js'
import type { Release } from '../store/releases.js'
import type { AppView, OperationView, ReleaseInfo, ReleaseView } from './contract.js'

export const viewApp = (config: Config, app: App): AppView => ({
  id: app.id,
  name: app.name,
  createdAt: app.createdAt,
  url: config.appUrl(app.name),
  gitUrl: `${config.url}/${app.name}.git`,
  deployBranch: app.deployBranch,
  release: app.current,
})

export const viewRelease = (release: Release, current: number): ReleaseView => ({
  version: release.version,
  createdAt: release.createdAt,
  description: release.description,
  status: release.status,
  failure: release.failure,
  commit: release.commit,
  current: release.version === current,
})

export const viewReleaseInfo = (release: Release, current: number): ReleaseInfo => ({
  ...viewRelease(release, current),
  image: release.image,
  processTypes: release.processTypes,
  formation: release.formation,
  domains: [...release.domains],
  config: release.config,
})

/** A deploy without the values of config vars. */
export const viewOperation = (deploy: Operation, app: string): OperationView => ({
  id: deploy.id,
  app,
  kind: deploy.change.kind,
  description: describe(deploy.change),
  commit: deploy.change.kind === 'push' ? deploy.change.commit : null,
  branch: deploy.change.kind === 'push' ? deploy.change.branch : null,
  status: deploy.status,
  createdAt: deploy.createdAt,
  finishedAt: deploy.finishedAt,
  release: deploy.release,
  failure: deploy.failure,
})

function describe(change: Change): string {
  switch (change.kind) {
    case 'push':
      return `${change.rebuild ? 'Rebuild' : 'Deploy'} ${change.commit.slice(0, 7)}`
    case 'config': {
      const set = Object.keys(change.set)
      const parts = [
        set.length > 0 ? `set ${set.join(', ')}` : '',
        change.unset.length > 0 ? `unset ${change.unset.join(', ')}` : '',
      ]
      return `Config vars: ${parts.filter((part) => part !== '').join('; ')}`
    }
    case 'scale':
      return `Scale ${Object.keys(change.formation).join(', ')}`
    case 'rollback':
      return `Rollback to v${change.version}`
    case 'restart':
      return `Restart ${change.process ?? 'all processes'}`
    case 'rename':
      return 'Rename'
    case 'destroy':
      return 'Destroy'
  }
}
