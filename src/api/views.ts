import { describeChange, isBuild } from '../changes/index.js'
import type { Config } from '../config.js'
import type { App } from '../store/apps.js'
import type { Operation } from '../store/operations.js'
import type { Release } from '../store/releases.js'
import type { AppView, OperationView, ReleaseInfo, ReleaseView } from './contract.js'

/** @param url where Berth is for who asks */
export const viewApp = (config: Config, app: App, url = config.url): AppView => ({
  id: app.id,
  name: app.name,
  createdAt: app.createdAt,
  url: config.appUrl(app),
  gitUrl: `${url}/${app.name}.git`,
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
  images: release.images ?? {},
  processTypes: release.processTypes,
  formation: release.formation,
  config: release.config,
})

/** An operation without the values of config vars. */
export const viewOperation = (operation: Operation, app: string): OperationView => ({
  id: operation.id,
  app,
  kind: operation.change.kind as OperationView['kind'],
  description: describeChange(operation.change),
  commit: isBuild(operation) ? operation.change.commit : null,
  branch: isBuild(operation) ? operation.change.branch : null,
  status: operation.status,
  createdAt: operation.createdAt,
  finishedAt: operation.finishedAt,
  release: operation.release,
  failure: operation.failure,
})
